#pragma once

#include <cstddef>
#include <cstdint>

namespace eenet {

/// The shares that a category may have without anything having changed.
struct ShareRange {
  double low = 0;
  double high = 1;

  bool holds(double share) const noexcept { return low <= share && share <= high; }
};

/// How many standard deviations every one of `count` shares keeps within at once, but for 1 % of
/// calibration sets: two-sided normal quantile, split evenly (Bonferroni).
double simultaneous_deviations(std::size_t count);

/// Where the share of a population may lie that a sample of it has: the score interval of Wilson
/// (1927), which is not empty where the sample has none or nothing but such.
/// @param samples 0: nothing is known, and the range is all of [0, 1].
ShareRange share_range(double share, std::int64_t samples, double deviations);

}  // namespace eenet
