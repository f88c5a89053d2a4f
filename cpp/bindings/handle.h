#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "eenet/error.h"
#include "eenet/runtime.h"

namespace eenet::python {

/// What Python knows as a Runtime: one that may be closed while calls are under way.
///
/// Thread-safe. What is loaded goes with the last call that uses it.
class RuntimeHandle {
 public:
  explicit RuntimeHandle(std::shared_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}

  /// @throws Error(kConfiguration) if it is closed.
  std::shared_ptr<Runtime> open() const {
    const std::lock_guard lock(mutex_);
    if (!runtime_) {
      throw Error(ErrorCode::kConfiguration, "the runtime is closed; load the bundle again");
    }
    return runtime_;
  }

  bool closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return !runtime_;
  }

  /// Calls under way come to their end. Does nothing where it is closed.
  void close() noexcept {
    std::shared_ptr<Runtime> last;  // Destroyed after the lock is let go.
    const std::lock_guard lock(mutex_);
    last.swap(runtime_);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Runtime> runtime_;
};

// on_open() makes a method of a handle out of one of a Runtime.

template <typename Out, typename Self, typename... Args>
auto on_open(Out (*work)(Self&, Args...)) {
  return [work](const RuntimeHandle& handle, Args... args) -> Out {
    const std::shared_ptr<Runtime> runtime = handle.open();
    return work(*runtime, std::forward<Args>(args)...);
  };
}

/// Of what needs nothing but a Runtime: its own methods, and lambdas that read a property.
template <typename Read>
auto on_open(Read read) {
  return [read](const RuntimeHandle& handle) { return std::invoke(read, *handle.open()); };
}

}  // namespace eenet::python
