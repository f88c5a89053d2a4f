#include "core/device.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <sys/utsname.h>
#include <system_error>

namespace eenet {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlank(" \t\r\n\0", 5);  // Device-tree strings end with a zero.
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) - begin + 1));
}

/// The value in the first line `key: value`; empty if there is none.
std::string field(const std::filesystem::path& path, std::string_view key) {
  std::ifstream file(path);
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

std::string processor(const std::filesystem::path& root) {
  const std::filesystem::path cpuinfo = root / "proc/cpuinfo";
  const std::string implementer = field(cpuinfo, "CPU implementer");
  // What kernels for Arm call the model is the architecture, if anything: the same on every Jetson.
  // Boards describe themselves in the device tree.
  if (!implementer.empty()) {
    const std::string board = first_line(root / "proc/device-tree/model");
    return board.empty() ? implementer + " " + field(cpuinfo, "CPU part") : board;
  }
  if (std::string name = field(cpuinfo, "model name"); !name.empty()) return name;
  if (std::string board = first_line(root / "proc/device-tree/model"); !board.empty()) return board;
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown";
}

/// What the configuration of a Jetson calls a power mode; empty if it does not say.
std::string mode_name(const std::filesystem::path& root, int mode) {
  std::ifstream file(root / "etc/nvpmodel.conf");
  for (std::string line; std::getline(file, line);) {
    // As `< POWER_MODEL ID=0 NAME=MAXN >`.
    std::istringstream words(line);
    std::string open;
    std::string kind;
    std::string id;
    std::string name;
    words >> open >> kind >> id >> name;
    if (kind == "POWER_MODEL" && id == "ID=" + std::to_string(mode) && name.starts_with("NAME=")) {
      return name.substr(name.find('=') + 1);
    }
  }
  return {};
}

/// The power mode of a Jetson, which caps clocks and cores; empty on other machines.
std::string power_mode(const std::filesystem::path& root) {
  // What nvpmodel has set, as `pmode:0002`, with the fan's mode behind it on some.
  std::ifstream file(root / "var/lib/nvpmodel/status");
  std::string key;
  int mode = 0;
  if (!std::getline(file, key, ':') || key != "pmode" || !(file >> mode)) return {};
  // Numbers mean other modes in other releases.
  const std::string name = mode_name(root, mode);
  return name.empty() ? "power mode " + std::to_string(mode) : name;
}

/// Models of the GPUs, each once: which of several computes is CUDA's to say.
std::set<std::string> nvidia_gpus(const std::filesystem::path& root) {
  std::set<std::string> models;
  std::error_code none;  // Jetsons, whose board says it, have no such folder.
  for (const auto& entry :
       std::filesystem::directory_iterator(root / "proc/driver/nvidia/gpus", none)) {
    models.insert(field(entry.path() / "information", "Model"));
  }
  models.erase("");
  return models;
}

}  // namespace

std::string device_name(Accelerator accelerator, const std::filesystem::path& root) {
  std::string name = processor(root);
  if (const std::string mode = power_mode(root); !mode.empty()) name += ", " + mode;
  if (accelerator == Accelerator::kNone) return name;
  for (const std::string& gpu : nvidia_gpus(root)) name += ", " + gpu;
  return name;
}

}  // namespace eenet
