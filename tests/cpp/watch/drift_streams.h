#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "eenet/schedule.h"

#include "decision/exit_policy.h"

namespace eenet::test {

inline constexpr double kInf = std::numeric_limits<double>::infinity();

/// A schedule of three exits whose scores are uniform in [0, 1] on the calibration set, 30 %, 28 %
/// and 42 % of which leave at each, with scores in ten bins.
inline std::shared_ptr<Schedule> uniform_schedule(std::int64_t samples = 2500) {
  ExitPolicy::Parts parts;
  parts.num_features.assign(3, classification_features(2));
  parts.scorers = std::make_shared<const std::vector<Scorer>>(std::vector<Scorer>{
      {std::vector<float>(6), {0}, {}, 0}, {std::vector<float>(7), {0}, {}, 0}});
  parts.thresholds = {0.7, 0.6, 0};
  auto schedule = std::make_shared<Schedule>();
  schedule->budget = 2.2;
  schedule->unit = "ms";
  schedule->costs = {1, 2, 3};
  schedule->calibration_samples = samples;
  schedule->calibration_shares = {0.3, 0.28, 0.42};
  ScoreBins bins{10, {}, std::vector<double>(20, 0.1)};
  for (int exit = 0; exit < 2; ++exit) {
    for (int edge = 1; edge < 10; ++edge) bins.edges.push_back(0.1F * static_cast<float>(edge));
  }
  schedule->score_bins = bins;
  schedule->agreement = {0.8, 0.9, 1};
  schedule->exit_policy = std::make_shared<const ExitPolicy>(std::move(parts));
  return schedule;
}

/// Samples whose scores are uniform ones to a power: 1 is like the calibration set, more is harder.
class Stream {
 public:
  struct Sample {
    std::size_t exit;
    std::vector<float> scores;
  };

  explicit Stream(std::uint64_t seed = 0) : random_(seed) {}

  Sample next(const ExitPolicy& policy, double power = 1) { return next(policy, power, power); }
  /// @param later The power at exits after the first.
  Sample next(const ExitPolicy& policy, double power, double later) {
    Sample sample{0, {}};
    for (;; ++sample.exit) {
      const bool last = sample.exit + 1 == policy.num_exits();
      const double score = last ? 0 : std::pow(uniform_(random_), sample.exit == 0 ? power : later);
      sample.scores.push_back(policy.disabled(sample.exit) ? 0.0F : static_cast<float>(score));
      if (last || (!policy.disabled(sample.exit) && score >= policy.thresholds()[sample.exit])) {
        return sample;
      }
    }
  }
  bool happens(double chance) { return uniform_(random_) < chance; }

 private:
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_;
};

}  // namespace eenet::test
