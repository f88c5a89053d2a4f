#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "eenet/provider.h"

#include "backends/segment.h"

namespace eenet {

/// An inference library that opens segments. Thread-safe; outlives what it opens and allocates.
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
  /// @param stop Ends it, if the library can.
  /// @throws Error(kBackend) if the library refuses it, Error(kCancelled) if it was ended.
  virtual std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                        const std::stop_token& stop) const = 0;

  /// Memory for a tensor that goes from segment to segment and never to the host.
  /// @return Null: such tensors are in host memory, like all others.
  /// @throws Error(kBackend) if there is no memory.
  virtual std::unique_ptr<DeviceBuffer> allocate(std::size_t /*bytes*/) const { return nullptr; }
};

struct OnnxRuntimeOptions {
  /// Threads that compute one sample. One pool serves the process: the first call fixes it.
  int threads = 1;
  /// In order of preference. Parts of the network that none of them takes are an error: `cpu`,
  /// which takes everything, must be asked for like any other, and comes last.
  std::vector<ProviderSpec> providers = {{"cpu"}};
  OnnxRuntimeFiles files = {};
};

/// ONNX Runtime, opened at run time, with the execution providers asked for and no other.
///
/// The library, its environment and threads, and plug-ins stay until the process ends.
/// @throws Error(kInput) if a provider or an option of one is unknown.
/// @throws Error(kBackend) if no usable library is found, or a provider is not there.
/// @throws Error(kConfiguration) if the process already runs with another number of threads, or
///   was forked from one that had loaded the library.
std::shared_ptr<const Backend> open_onnxruntime(const OnnxRuntimeOptions& options);

}  // namespace eenet
