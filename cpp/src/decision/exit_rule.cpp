#include "decision/exit_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "decision/check_numbers.h"
#include "util/text.h"

namespace eenet {
namespace {

void check_scorer(const Scorer& scorer, std::size_t inputs, std::size_t exit) {
  const std::string what = cat("scorer of exit ", exit);
  const std::size_t rows = scorer.hidden() ? scorer.out_weight.size() : 1;
  check_numbers(scorer.weight, rows * inputs, what + ", weight");
  check_numbers(scorer.bias, rows, what + ", bias");
  check_numbers(scorer.out_weight, scorer.out_weight.size(), what + ", out_weight");
  check_numbers({&scorer.out_bias, 1}, 1, what + ", out_bias");
}

/// Sum of products in double, in four interleaved partial sums: a fixed order, so that the result
/// is the same everywhere, yet four additions are in flight at a time.
double dot(const float* a, std::span<const float> b) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= b.size(); i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  for (; i < b.size(); ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

ExitRule::ExitRule(Parts parts) : parts_(std::move(parts)) {
  const std::size_t exits = num_exits();
  expect_schedule(exits >= 1, "exit rule: no exits came, at least 1 expected");
  if (!parts_.scorers) {
    parts_.scorers = std::make_shared<const std::vector<Scorer>>(exits - 1);
  }
  expect_schedule(parts_.thresholds.size() == exits,
                  cat("thresholds: ", parts_.thresholds.size(), " came, one for each of the ",
                      exits, " exits expected"));
  expect_schedule(parts_.scorers->size() == exits - 1,
                  cat("scorers: ", parts_.scorers->size(), " came, ", exits - 1,
                      " expected, for every exit but the last"));
  for (std::size_t exit = 0; exit < exits; ++exit) {
    expect_schedule(!std::isnan(parts_.thresholds[exit]),
                    cat("threshold of exit ", exit, ": NaN came, a number expected"));
    if (exit + 1 == exits) continue;
    // So that products of sizes cannot overflow.
    expect_schedule(num_features()[exit] <= kMostFeatures,
                    cat("exit ", exit, ": ", num_features()[exit], " features came, at most ",
                        kMostFeatures, " expected"));
    const Scorer& scorer = scorers()[exit];
    const bool absent = disabled(exit) && scorer.weight.empty();
    if (!absent) check_scorer(scorer, num_features()[exit] + exit, exit);
  }
}

bool ExitRule::disabled(std::size_t exit) const noexcept {
  return parts_.thresholds[exit] == std::numeric_limits<double>::infinity();
}

ExitRule::Step ExitRule::decide(std::size_t exit, std::span<const float> inputs) const noexcept {
  const bool last = exit + 1 == num_exits();
  const bool silent = last || disabled(exit);
  const float emitted = silent ? 0.0F : score(exit, inputs);
  // A NaN compares false, so it never accepts.
  const bool accept = !silent && static_cast<double>(emitted) >= parts_.thresholds[exit];
  return {emitted, last || accept};
}

ExitRule ExitRule::with_thresholds(std::vector<double> thresholds) const {
  Parts parts = parts_;
  parts.thresholds = std::move(thresholds);
  return ExitRule(std::move(parts));
}

float ExitRule::score(std::size_t exit, std::span<const float> inputs) const noexcept {
  const Scorer& scorer = scorers()[exit];
  double sum = 0;
  if (!scorer.hidden()) {
    sum = dot(scorer.weight.data(), inputs) + static_cast<double>(scorer.bias.front());
  } else {
    sum = static_cast<double>(scorer.out_bias);
    for (std::size_t row = 0; row < scorer.out_weight.size(); ++row) {
      const double unit = dot(scorer.weight.data() + row * inputs.size(), inputs) +
                          static_cast<double>(scorer.bias[row]);
      // Written so that a NaN passes: it must reach the score, which then accepts nothing.
      sum += static_cast<double>(scorer.out_weight[row]) * (unit < 0 ? 0 : unit);
    }
  }
  const auto emitted = static_cast<float>(sum);
  return parts_.clamp ? std::clamp(emitted, 0.0F, 1.0F) : emitted;
}

}  // namespace eenet
