#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>

namespace eenet {

/// Which of the samples that leave early are audited: a fixed share, by a hash of their numbers, so
/// that a seed and the order of the samples say which. Thread-safe.
class AuditLottery {
 public:
  /// @param share In [0, 1].
  AuditLottery(double share, std::uint64_t seed) noexcept : seed_(mixed(seed)), all_(share >= 1) {
    if (!all_) limit_ = static_cast<std::uint64_t>(std::ldexp(share, 64));
  }

  /// Whether the next sample is audited.
  bool draw() noexcept {
    return mixed(seed_ + drawn_.fetch_add(1, std::memory_order_relaxed)) < limit_ || all_;
  }

 private:
  /// Splitmix64's finaliser (Steele, Lea and Flood, 2014): every bit depends on all.
  static std::uint64_t mixed(std::uint64_t value) noexcept {
    value += 0x9E3779B97F4A7C15U;
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
  }

  std::uint64_t seed_;
  bool all_;
  std::uint64_t limit_ = 0;
  std::atomic<std::uint64_t> drawn_{0};
};

}  // namespace eenet
