#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

#include "eenet/error.h"
#include "eenet/options.h"

#include "engine/model.h"

namespace eenet {

/// Keeps a load within the limits of its options: asks it to end when its time is up, when it takes
/// too much memory, or when the caller asks. A thread watches while it lives.
class LoadWatch {
 public:
  /// @param options Outlive it.
  /// @throws Error(kInput) for a limit that is not positive.
  explicit LoadWatch(const LoadOptions& options);
  LoadWatch(const LoadWatch&) = delete;
  LoadWatch& operator=(const LoadWatch&) = delete;

  /// What the work is to listen to.
  std::stop_token token() const noexcept { return stop_.get_token(); }

  /// Does a part of the load.
  /// @throws Error(kTimeout, kBundle, kCancelled) if it was ended, before, meanwhile or at its end.
  template <typename Work>
  auto run(Work&& work) {
    check();
    try {
      auto result = std::forward<Work>(work)();
      check();
      return result;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) check();
      throw;
    }
  }

 private:
  enum class Reason : int { kNone, kCaller, kTimeout, kMemory };

  void check() const;
  void watch(const std::stop_token& over);
  void end(Reason reason) noexcept;

  bool late() const;

  const LoadOptions& options_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::uint64_t size_before_;
  std::atomic<Reason> reason_{Reason::kNone};
  std::atomic<std::uint64_t> growth_{0};
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_stop_;
  std::jthread watcher_;
};

/// Refuses a bundle whose engines and tensors alone are above the limit.
/// @throws Error(kBundle).
void check_memory(const Manifest& manifest, const LoadOptions& options);

}  // namespace eenet
