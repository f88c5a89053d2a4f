#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "decision/exit_policy.h"
#include "decision/readout/classification.h"
#include "decision/readout/regression.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// K = 3, C = 2: scorers of 6 and 7 inputs.
ExitPolicy::Parts parts_of(std::vector<Scorer> scorers) {
  ExitPolicy::Parts parts;
  parts.num_features.assign(3, classification_features(2));
  parts.scorers = std::make_shared<const std::vector<Scorer>>(std::move(scorers));
  parts.thresholds = {0, 0, 0};
  return parts;
}

Scorer linear(std::size_t inputs) {
  return {std::vector<float>(inputs), {0}, {}, 0};
}

void expect_refused(const ExitPolicy::Parts& parts, const std::vector<std::string>& message) {
  expect_error(ErrorCode::kSchedule, message, [&] { const ExitPolicy policy(parts); });
}

TEST(ExitPolicy, AcceptsLinearAndHiddenScorers) {
  const Scorer hidden{std::vector<float>(4 * 7), std::vector<float>(4), std::vector<float>(4), 0};
  const ExitPolicy policy(parts_of({linear(6), hidden}));
  EXPECT_FALSE(policy.rule().scorers()[0].hidden());
  EXPECT_TRUE(policy.rule().scorers()[1].hidden());
  EXPECT_EQ(policy.combiner(), nullptr);
}

TEST(ExitPolicy, RefusesWrongSizes) {
  expect_refused(parts_of({linear(6)}), {"scorers", "1 came", "2 expected"});
  expect_refused(parts_of({linear(6), linear(6)}), {"exit 1", "weight", "6", "7"});
  expect_refused(parts_of({linear(7), linear(7)}), {"exit 0", "weight", "7", "6"});
  Scorer two_biases = linear(6);
  two_biases.bias = {0, 0};
  expect_refused(parts_of({two_biases, linear(7)}), {"exit 0", "bias"});
  ExitPolicy::Parts parts = parts_of({linear(6), linear(7)});
  parts.thresholds = {0, 0};
  expect_refused(parts, {"thresholds", "2 came", "3"});
  parts.num_features.clear();
  expect_refused(parts, {"no exits", "at least"});
}

TEST(ExitPolicy, ExitsMayHaveDifferentNumbersOfFeatures) {
  ExitPolicy::Parts parts = parts_of({linear(6), linear(4)});
  expect_refused(parts, {"exit 1", "weight", "4 numbers came, 7"});
  parts.num_features = {6, 3, 9};
  EXPECT_EQ(ExitPolicy(parts).num_features()[1], 3U);
  // A size that wraps round when it is multiplied.
  parts.num_features[0] = std::size_t{1} << 63U;
  expect_refused(parts, {"exit 0: 9223372036854775808 features came, at most 16777216"});
}

TEST(ExitPolicy, RefusesNumbersThatAreNotFinite) {
  for (const float bad : {kNan, std::numeric_limits<float>::infinity()}) {
    Scorer weight = linear(7);
    weight.weight[3] = bad;
    expect_refused(parts_of({linear(6), weight}), {"exit 1", "weight", "finite"});
    Scorer bias = linear(6);
    bias.bias[0] = bad;
    expect_refused(parts_of({bias, linear(7)}), {"exit 0", "bias", "finite"});
    Scorer out = linear(6);
    out.out_weight = {bad};
    expect_refused(parts_of({out, linear(7)}), {"out_weight"});
    out.out_weight = {1};
    out.out_bias = bad;
    expect_refused(parts_of({out, linear(7)}), {"out_bias"});
  }
}

TEST(ExitPolicy, ThresholdsMayBeInfiniteButNotNan) {
  ExitPolicy::Parts parts = parts_of({linear(6), linear(7)});
  parts.thresholds = {kInf, -kInf, kInf};
  const ExitPolicy policy(parts);
  EXPECT_TRUE(policy.disabled(0));
  EXPECT_FALSE(policy.disabled(1));
  for (std::size_t exit = 0; exit < 3; ++exit) {
    parts.thresholds = {0, 0, 0};
    parts.thresholds[exit] = std::numeric_limits<double>::quiet_NaN();
    expect_refused(parts, {"threshold of exit " + std::to_string(exit), "NaN"});
  }
}

TEST(ExitPolicy, ScorerMayBeAbsentWhereTheExitIsDisabledOnly) {
  ExitPolicy::Parts parts = parts_of({Scorer{}, linear(7)});
  expect_refused(parts, {"exit 0"});
  parts.thresholds[0] = kInf;
  EXPECT_TRUE(ExitPolicy(parts).disabled(0));
  // A scorer that is there must be right even if it is not used.
  expect_refused(
      [&] {
        ExitPolicy::Parts wrong = parts_of({linear(5), linear(7)});
        wrong.thresholds[0] = kInf;
        return wrong;
      }(),
      {"exit 0", "5"});
}

TEST(ExitPolicy, ChecksTheNetworkItIsUsedOn) {
  const ExitPolicy policy(parts_of({linear(6), linear(7)}));
  policy.check_network(Classification(3, 2));
  policy.check_network(Regression(1, {4, 0, 4}, 1));  // A slice does not know exit 1.
  expect_error(ErrorCode::kInput,
               {"policy: one for 3 exits of 6 features came, one for 4 exits of 6 features"},
               [&] { policy.check_network(Classification(4, 2)); });
  expect_error(ErrorCode::kInput, {"one for 3 exits of 6, 6, 7 features expected"},
               [&] { policy.check_network(Regression(1, {4, 4, 5}, 1)); });
}

TEST(ExitPolicy, CombinesOnlyWhereItsTaskDoes) {
  ExitPolicy::Parts parts = parts_of({linear(6), linear(7)});
  parts.combiner = std::make_shared<const Combiner>(
      3, 2, std::vector<float>{1, 0, 0, 0, 1, 0, 0, 0, 1}, std::vector<float>(6));
  const ExitPolicy policy(parts);
  policy.check_network(Classification(3, 2));
  expect_error(ErrorCode::kInput, {"policy: a combiner came, none expected"},
               [&] { policy.check_network(Regression(1, {4, 4, 4}, 1)); });
}

TEST(Combiner, RefusesWhatIsMalformed) {
  const auto refuse = [](std::vector<float> weight, std::vector<float> bias,
                         const std::vector<std::string>& message) {
    expect_error(ErrorCode::kSchedule, message,
                 [&] { const Combiner combiner(2, 3, std::move(weight), std::move(bias)); });
  };
  const std::vector<float> bias(6);
  refuse({1, 0, 0}, bias, {"weight", "3 numbers", "4"});
  refuse({1, 0, 0, 1}, {0}, {"bias", "1 numbers", "6"});
  refuse({1, 0.5F, 0, 1}, bias, {"weight[0, 1]", "0.5 came", "0 expected"});
  refuse({1, 0, kNan, 1}, bias, {"weight", "finite"});
  refuse({1, 0, 0, 1}, std::vector<float>(6, kNan), {"bias", "finite"});
}

/// A policy with a number of every kind.
ExitPolicy::Parts numbered_parts() {
  Scorer first = linear(6);
  std::iota(first.weight.begin(), first.weight.end(), 0.0F);
  first.bias = {0.5F};
  Scorer second{std::vector<float>(14), {1, 2}, {3, 4}, 0.125F};
  std::iota(second.weight.begin(), second.weight.end(), 0.0F);
  ExitPolicy::Parts parts = parts_of({first, second});
  parts.combiner = std::make_shared<const Combiner>(
      3, 2, std::vector<float>{1, 0, 0, 0.5F, 1, 0, 0.25F, 0.5F, 1},
      std::vector<float>{0, 1, 2, 3, 4, 5});
  parts.clamp = true;
  return parts;
}

TEST(ExitPolicy, DigestIsThatOfItsNumbers) {
  // Computed elsewhere, by the definition in docs/spec/handoff.md.
  EXPECT_EQ(ExitPolicy(numbered_parts()).digest(),
            "c1972bc99b953406e4f39485cd4ab06c296e8852cf184e527c85c88446314e78");
}

TEST(ExitPolicy, OtherThresholdsAreCheckedLikeTheFirst) {
  const ExitPolicy policy(numbered_parts());
  const ExitPolicy other = policy.with_thresholds({1, kInf, 3});
  EXPECT_EQ(other.thresholds()[0], 1);
  EXPECT_TRUE(other.disabled(1));
  EXPECT_EQ(&other.digest(), &policy.digest());
  expect_error(ErrorCode::kSchedule, {"thresholds", "2 came"},
               [&] { policy.with_thresholds({1, 2}); });
}

TEST(ExitPolicy, DigestTellsRulesApartButNotThresholds) {
  const std::string digest = ExitPolicy(numbered_parts()).digest();
  ExitPolicy::Parts parts = numbered_parts();
  parts.thresholds = {1, 2, 3};
  EXPECT_EQ(ExitPolicy(parts).digest(), digest);
  parts.clamp = false;
  EXPECT_NE(ExitPolicy(parts).digest(), digest);
  parts = numbered_parts();
  parts.combiner = nullptr;
  EXPECT_NE(ExitPolicy(parts).digest(), digest);
  parts = numbered_parts();
  std::vector<Scorer> scorers = *parts.scorers;
  scorers[1].out_bias = 0;
  parts.scorers = std::make_shared<const std::vector<Scorer>>(scorers);
  EXPECT_NE(ExitPolicy(parts).digest(), digest);
}

TEST(Combiner, MustFitThePolicy) {
  ExitPolicy::Parts parts = parts_of({linear(6), linear(7)});
  parts.combiner =
      std::make_shared<const Combiner>(2, 2, std::vector<float>{1, 0, 0, 1}, std::vector<float>(4));
  expect_refused(parts, {"combiner", "2 exits and 2 classes", "3 exits of 6 features"});
}

TEST(ExitRule, HasAnExit) {
  test::expect_error(ErrorCode::kSchedule, {"no exits came, at least 1 expected"},
                     [] { ExitRule(ExitRule::Parts{}); });
}

}  // namespace
}  // namespace eenet
