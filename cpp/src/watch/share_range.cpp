#include "watch/share_range.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace eenet {
namespace {

constexpr double kCalibrationError = 0.01;

double upper_tail(double deviations) {
  return 0.5 * std::erfc(deviations / std::numbers::sqrt2);
}

}  // namespace

double simultaneous_deviations(std::size_t count) {
  const double tail =
      kCalibrationError / (2 * static_cast<double>(std::max<std::size_t>(count, 1)));
  double low = 0;
  double high = 38;  // Where the tail is no longer a normal double.
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (upper_tail(middle) > tail ? low : high) = middle;
  }
  return high;
}

ShareRange share_range(double share, std::int64_t samples, double deviations) {
  if (samples == 0) return {};
  const auto n = static_cast<double>(samples);
  const double spread = deviations * deviations / n;
  const double centre = (share + spread / 2) / (1 + spread);
  const double half =
      deviations / (1 + spread) * std::sqrt(share * (1 - share) / n + spread / (4 * n));
  // The border of a share of none, or of all, is that share; rounding must not leave a gap to it.
  return {share == 0 ? 0 : std::max(0.0, centre - half),
          share == 1 ? 1 : std::min(1.0, centre + half)};
}

}  // namespace eenet
