#include "backends/ort/library.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <string_view>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::ort {
namespace {

constexpr std::array<std::uint32_t, 3> kOldest = {1, 19, 2};  // Wheels carry the library since.
constexpr std::uint32_t kNewestApi = 29;                      // The table's positions are from it.
constexpr std::string_view kInstall = "install it with `pip install onnxruntime`";

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kBackend, message);
}

/// Path of an ONNX Runtime library in this process, or nothing. Python's `onnxruntime` module does
/// not count: it has the library built in and does not share it.
std::string find_loaded() {
  std::string found;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        const std::string_view path = info->dlpi_name;
        const std::string_view file = path.substr(path.rfind('/') + 1);
        if (!file.starts_with("libonnxruntime.so")) return 0;
        *static_cast<std::string*>(out) = path;
        return 1;
      },
      &found);
  return found;
}

std::string find_library(const LibraryFiles& files) {
  const char* const chosen = std::getenv("EENET_ORT_LIB");
  if (chosen != nullptr && *chosen != '\0') return chosen;
  if (std::string loaded = find_loaded(); !loaded.empty()) return loaded;
  const auto own = files.libraries.find(kBackendName);
  if (own != files.libraries.end() && !own->second.empty()) return own->second.front();
  fail(
      cat("ONNX Runtime was not found: EENET_ORT_LIB is not set, this process has loaded no "
          "libonnxruntime.so, and no installed onnxruntime package has one (they do since ",
          join(kOldest, "."), "); ", kInstall));
}

}  // namespace

std::vector<std::string> Library::built_in() const {
  char** names = nullptr;
  int count = 0;
  check(functions, functions.GetAvailableProviders(&names, &count), "providers");
  std::vector<std::string> out(names, names + count);
  check(functions, functions.ReleaseAvailableProviders(names, count), "providers");
  return out;
}

bool supported_version(const std::string& version, std::uint32_t& api_version) {
  std::array<std::uint32_t, 3> parts{};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (std::uint32_t& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc()) return false;
    at = next;
    if (at != end && *at == '.') ++at;
  }
  api_version = std::min(kNewestApi, parts[1]);
  return parts[0] == kOldest[0] && parts >= kOldest;
}

Library open_library(const LibraryFiles& files) {
  Library library;
  library.path = find_library(files);
  // Never closed: the library's threads and its objects in other modules would outlive it.
  void* const handle = ::dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    fail(cat(
        "ONNX Runtime cannot be opened: ", ::dlerror(),
        "; name the library by EENET_ORT_LIB, or by --ort-lib of eenet-run: Python's onnxruntime "
        "package has it as onnxruntime/capi/libonnxruntime.so.*"));
  }
  const auto get_base = reinterpret_cast<const ApiBase* (*)()>(::dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) {
    fail(cat(quote_name(library.path), " is not ONNX Runtime: it has no OrtGetApiBase"));
  }
  library.version = get_base()->get_version();
  std::uint32_t api_version = 0;
  const void* const table =
      supported_version(library.version, api_version) ? get_base()->get_api(api_version) : nullptr;
  if (table == nullptr) {
    fail(cat("ONNX Runtime ", library.version, " came from ", quote_name(library.path), ", ",
             join(kOldest, "."), " or newer (but below 2) expected; ", kInstall));
  }
  library.functions = read_functions(table, api_version);
  return library;
}

}  // namespace eenet::ort
