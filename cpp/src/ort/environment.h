#pragma once

#include "eenet/backend.h"

#include "ort/api.h"
#include "ort/library.h"

namespace eenet::ort {

/// The one library, environment and thread pool of this process. Thread-safe; never destroyed.
class Environment {
 public:
  /// The environment; the first successful call makes it.
  /// @throws Error(kBackend, kConfiguration) as open_onnxruntime().
  static const Environment& get(const OnnxRuntimeOptions& options);

  const Functions& functions() const noexcept { return library_.functions; }
  const std::string& version() const noexcept { return library_.version; }
  const Env* env() const noexcept { return env_.get(); }
  const SessionOptions* session_options() const noexcept { return session_options_.get(); }
  const RunOptions* run_options() const noexcept { return run_options_.get(); }
  const MemoryInfo* cpu_memory() const noexcept { return cpu_memory_.get(); }
  Allocator* allocator() const noexcept { return allocator_; }

  /// @throws Error(kConfiguration) in a process that was forked after the environment was made:
  ///   its threads and locks did not come along.
  static void check_fork();

 private:
  explicit Environment(const OnnxRuntimeOptions& options);

  Library library_;
  int threads_;
  Handle<Env> env_;
  Handle<SessionOptions> session_options_;
  Handle<RunOptions> run_options_;
  Handle<MemoryInfo> cpu_memory_;
  Allocator* allocator_ = nullptr;  // Owned by the library.
};

}  // namespace eenet::ort
