#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eenet/export.h"
#include "eenet/segment.h"

namespace EENET_API eenet {

/// An inference library that opens segments. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Where segments run: the `provider` of a measured profile.
  virtual std::string provider() const = 0;
  /// Name and version of the library.
  virtual std::string version() const = 0;

  /// Loads one engine.
  /// @param name For messages.
  /// @param bytes The engine file; not kept.
  /// @throws Error(kBackend) if the library refuses it.
  virtual std::unique_ptr<Segment> open(const std::string& name,
                                        std::span<const std::byte> bytes) const = 0;
};

struct OnnxRuntimeOptions {
  /// Threads that compute one sample. One pool serves the process: the first call fixes it.
  int threads = 1;
  /// Libraries to try after EENET_ORT_LIB and a copy that the process already has.
  std::vector<std::string> library_paths;
};

/// ONNX Runtime on the CPU, opened at run time.
///
/// The library, its environment and its threads stay until the process ends.
/// @throws Error(kBackend) if no usable library is found.
/// @throws Error(kConfiguration) if the process already runs with another number of threads, or
///   was forked from one that had loaded the library.
std::shared_ptr<const Backend> open_onnxruntime(const OnnxRuntimeOptions& options);

}  // namespace eenet
