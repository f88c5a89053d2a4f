#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace eenet {

/// Which samples are audited: a fixed share, spread by a hash of their numbers, so that a seed
/// and the order of the samples say which.
class AuditLottery {
 public:
  /// @param share In [0, 1].
  AuditLottery(double share, std::uint64_t seed) noexcept : seed_(seed), all_(share >= 1) {
    if (!all_) limit_ = static_cast<std::uint64_t>(std::ldexp(share, 64));
  }

  bool draws(std::uint64_t number) const noexcept {
    return all_ || mixed(mixed(seed_) + number) < limit_;
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
};

/// The lottery for the samples of one call.
struct AuditDraw {
  const AuditLottery* lottery = nullptr;  // Null: nothing is audited.
  std::uint64_t first = 0;                // Number of the first sample.

  bool audits(std::size_t sample) const noexcept {
    return lottery != nullptr && lottery->draws(first + sample);
  }
};

}  // namespace eenet
