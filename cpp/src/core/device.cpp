#include "core/device.h"

#include <fstream>
#include <string_view>
#include <sys/utsname.h>

namespace eenet {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlank(" \t\r\n\0", 5);  // Device-tree strings end with a zero.
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) - begin + 1));
}

std::string cpuinfo_field(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && trimmed(line.substr(0, colon)) == key) {
      return trimmed(std::string_view(line).substr(colon + 1));
    }
  }
  return {};
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return trimmed(line);
}

}  // namespace

std::string device_name() {
  if (std::string name = cpuinfo_field("model name"); !name.empty()) return name;
  // ARM kernels give no model name; boards describe themselves in the device tree.
  if (std::string name = first_line("/proc/device-tree/model"); !name.empty()) return name;
  const std::string implementer = cpuinfo_field("CPU implementer");
  if (!implementer.empty()) return implementer + " " + cpuinfo_field("CPU part");
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown";
}

}  // namespace eenet
