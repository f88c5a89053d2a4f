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

std::string cpuinfo_field(const std::filesystem::path& root, std::string_view key) {
  std::ifstream file(root / "proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && trimmed(line.substr(0, colon)) == key) {
      return trimmed(std::string_view(line).substr(colon + 1));
    }
  }
  return {};
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return trimmed(line);
}

}  // namespace

std::string device_name(const std::filesystem::path& root) {
  const std::string implementer = cpuinfo_field(root, "CPU implementer");
  // What kernels for Arm call the model is the architecture, if anything: the same on every Jetson.
  // Boards describe themselves in the device tree.
  if (!implementer.empty()) {
    const std::string board = first_line(root / "proc/device-tree/model");
    return board.empty() ? implementer + " " + cpuinfo_field(root, "CPU part") : board;
  }
  if (std::string name = cpuinfo_field(root, "model name"); !name.empty()) return name;
  if (std::string board = first_line(root / "proc/device-tree/model"); !board.empty()) return board;
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown";
}

}  // namespace eenet
