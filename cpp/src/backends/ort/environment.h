#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/options.h"

#include "backends/ort/api.h"
#include "backends/ort/library.h"

namespace eenet::ort {

/// What the library is to tell: from warnings on where anybody listens, else nothing.
LoggingLevel log_severity() noexcept;

/// The one library, environment and thread pool of this process. Thread-safe; never destroyed.
class Environment {
 public:
  /// The environment; the first successful call makes it.
  /// @throws Error(kBackend, kConfiguration) as open_onnxruntime().
  static const Environment& get(const LoadOptions& options);

  const Library& library() const noexcept { return library_; }
  const Functions& functions() const noexcept { return library_.functions; }
  Env* env() const noexcept { return env_.get(); }
  const MemoryInfo* cpu_memory() const noexcept { return cpu_memory_.get(); }
  Allocator* allocator() const noexcept { return allocator_; }

  /// Loads a provider that is not built in; the next time it does nothing.
  /// @throws Error(kBackend) if this ONNX Runtime is too old or refuses the library.
  /// @throws Error(kConfiguration) if it is loaded from another file already.
  void register_plugin(const std::string& name, const std::string& path) const;

  /// The devices of a provider that is plugged in; owned by the environment.
  std::vector<const EpDevice*> devices(std::string_view official_name) const;

 private:
  explicit Environment(const LoadOptions& options);

  Library library_;
  int threads_;
  Handle<Env> env_;
  Handle<MemoryInfo> cpu_memory_;
  Allocator* allocator_ = nullptr;  // Owned by the library.
  mutable std::mutex mutex_;        // Guards plugins_.
  mutable std::map<std::string, std::string> plugins_;
};

}  // namespace eenet::ort
