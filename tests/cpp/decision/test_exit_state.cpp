#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "decision/exit_state.h"
#include "support.h"

namespace eenet {
namespace {

using test::class_state;
using test::edit;
using test::expect_error;
using test::label_of;
using test::Logits;
using test::maximum_policy;
using test::zero_policy;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kNear = 1e-6;

float ln(double value) {
  return static_cast<float>(std::log(value));
}

TEST(Features, TwoClassesByHand) {
  const ExitPolicy policy(maximum_policy(2, 2, {kInf, 0}));
  ExitState state = class_state(2, 2);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{ln(3), 0}));
  const auto f = state.features();
  ASSERT_EQ(f.size(), 6U);
  EXPECT_NEAR(f[0], 0.75, kNear);
  EXPECT_NEAR(f[1], 0.25, kNear);
  EXPECT_NEAR(f[2], 0.75, kNear);                 // max
  EXPECT_NEAR(f[3], 0.18872187554086717, kNear);  // 1 - 0.8112781244591328 bits
  EXPECT_EQ(f[4], 1);                             // vote
  EXPECT_NEAR(f[5], 0.5, kNear);                  // margin
  EXPECT_EQ(label_of(state), 0U);
}

TEST(Features, UniformHasNoCertaintyNoMarginAndTheLowestLabel) {
  const ExitPolicy policy(maximum_policy(1, 4, {0}));
  ExitState state = class_state(1, 4);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{-2, -2, -2, -2}));
  const auto f = state.features();
  for (std::size_t c = 0; c < 4; ++c) EXPECT_NEAR(f[c], 0.25, kNear);
  EXPECT_NEAR(f[5], 0, kNear);
  EXPECT_EQ(f[7], 0);
  EXPECT_EQ(label_of(state), 0U);
}

TEST(Features, TiesGoToTheLowestClassWhereverTheyAre) {
  const ExitPolicy policy(maximum_policy(1, 4, {0}));
  ExitState state = class_state(1, 4);
  const std::vector<std::pair<std::vector<float>, std::size_t>> cases = {{{1, 3, 3, 2}, 1},
                                                                         {{3, 1, 2, 3}, 0},
                                                                         {{0, 1, 2, 2}, 2},
                                                                         {{0, 0, 0, 1}, 3},
                                                                         {{5, 5, 7, 5}, 2}};
  for (const auto& [logits, label] : cases) {
    state.begin(&policy);
    state.step(0, Logits(logits));
    EXPECT_EQ(label_of(state), label);
    float second = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      if (c != label) second = std::max(second, state.features()[c]);
    }
    EXPECT_EQ(state.features()[7], state.features()[label] - second);
  }
}

TEST(Features, ZeroProbabilityAddsNothingToTheEntropy) {
  const ExitPolicy policy(maximum_policy(1, 3, {0}));
  ExitState state = class_state(1, 3);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{-1000, 1000, 0}));
  const auto f = state.features();
  EXPECT_EQ(f[0], 0);
  EXPECT_EQ(f[1], 1);
  EXPECT_EQ(f[4], 1);  // certainty, not NaN
  EXPECT_EQ(f[6], 1);  // margin
}

TEST(Features, SurvivesTheLargestFiniteLogits) {
  const float most = std::numeric_limits<float>::max();
  const ExitPolicy policy(maximum_policy(1, 3, {0}));
  ExitState state = class_state(1, 3);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{most, -most, 0}));
  EXPECT_EQ(label_of(state), 0U);
  EXPECT_EQ(state.features()[0], 1);
  EXPECT_EQ(state.features()[4], 1);
}

TEST(Features, ThousandClassesByHand) {
  constexpr std::size_t kClasses = 1000;
  const ExitPolicy policy(maximum_policy(1, kClasses, {0}));
  ExitState state = class_state(1, kClasses);
  std::vector<float> logits(kClasses);
  logits[7] = ln(999);  // As likely as all others together.
  state.begin(&policy);
  state.step(0, Logits(logits));
  const auto f = state.features();
  ASSERT_EQ(f.size(), kClasses + 4);
  EXPECT_NEAR(f[7], 0.5, kNear);
  EXPECT_NEAR(f[999], 0.5 / 999, 1e-9);
  const double sum_p_ln_p = 0.5 * std::log(0.5) + 0.5 * std::log(0.5 / 999);
  EXPECT_NEAR(f[kClasses + 1], 1 + sum_p_ln_p / std::log(1000), kNear);
  EXPECT_NEAR(f[kClasses + 3], 0.5 - 0.5 / 999, kNear);
  EXPECT_EQ(label_of(state), 7U);
}

TEST(Features, VoteIsTheShareOfTheMostCommonAnswerSoFar) {
  const auto votes = [](const std::vector<std::size_t>& labels) {
    const ExitPolicy policy(
        maximum_policy(labels.size(), 3, std::vector<double>(labels.size(), kInf)));
    ExitState state = class_state(labels.size(), 3);
    std::vector<float> out;
    state.begin(&policy);
    for (std::size_t k = 0; k < labels.size(); ++k) {
      std::vector<float> logits(3);
      logits[labels[k]] = 1;
      state.step(k, Logits(logits));
      out.push_back(state.features()[5]);
    }
    return out;
  };
  EXPECT_EQ(votes({2, 0, 1}), (std::vector<float>{1, 0.5F, 1.0F / 3}));
  EXPECT_EQ(votes({2, 0, 2}), (std::vector<float>{1, 0.5F, 2.0F / 3}));
  EXPECT_EQ(votes({1, 1, 0, 0, 0}), (std::vector<float>{1, 1, 2.0F / 3, 0.5F, 0.6F}));
  // The most common answer need not be the last one.
  EXPECT_EQ(votes({0, 0, 0, 1}), (std::vector<float>{1, 1, 1, 0.75F}));
}

TEST(Features, OneSampleLeavesNothingToTheNext) {
  const ExitPolicy policy(maximum_policy(2, 3, {kInf, 0}));
  ExitState state = class_state(2, 3);
  for (int sample = 0; sample < 2; ++sample) {
    state.begin(&policy);
    state.step(0, Logits(std::vector<float>{0, 0, 1}));
    state.step(1, Logits(std::vector<float>{1, 0, 0}));
    EXPECT_EQ(state.features()[5], 0.5F) << "sample " << sample;
  }
}

TEST(Combine, AddsLogProbabilitiesAndBias) {
  ExitPolicy::Parts parts = maximum_policy(2, 2, {kInf, 0});
  parts.combiner = std::make_shared<const Combiner>(2, 2, std::vector<float>{1, 0, 0.5F, 1},
                                                    std::vector<float>{0, 0, 0.1F, -0.1F});
  const ExitPolicy policy(parts);
  ExitState state = class_state(2, 2);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{0, ln(4)}));
  EXPECT_NEAR(state.features()[1], 0.8, kNear);
  state.step(1, Logits(std::vector<float>{ln(3), 0}));
  // z_0 - z_1 = 0.5 ln(0.2 / 0.8) + ln(0.75 / 0.25) + 0.2
  EXPECT_NEAR(state.features()[0], 0.6469056392204382, kNear);
  EXPECT_NEAR(state.features()[1], 1 - 0.6469056392204382, kNear);
  EXPECT_EQ(label_of(state), 0U);
}

TEST(Combine, CanOverrideTheLastExit) {
  ExitPolicy::Parts parts = maximum_policy(2, 2, {kInf, 0});
  parts.combiner =
      std::make_shared<const Combiner>(2, 2, std::vector<float>{1, 0, 2, 1}, std::vector<float>(4));
  const ExitPolicy policy(parts);
  ExitState state = class_state(2, 2);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{0, ln(4)}));
  const auto last = state.step(1, Logits(std::vector<float>{ln(3), 0}));
  // 2 ln(0.8 / 0.2) against ln 3: class 1 keeps 16 : 3.
  EXPECT_EQ(label_of(state), 1U);
  EXPECT_NEAR(state.features()[1], 16.0 / 19, kNear);
  EXPECT_TRUE(last.accept);
  // The vote is over combined answers.
  EXPECT_EQ(state.features()[4], 1);
}

TEST(Combine, WeightAloneIsATemperature) {
  ExitPolicy::Parts parts = maximum_policy(1, 2, {0});
  parts.combiner =
      std::make_shared<const Combiner>(1, 2, std::vector<float>{0.5F}, std::vector<float>(2));
  const ExitPolicy policy(parts);
  ExitState state = class_state(1, 2);
  state.begin(&policy);
  state.step(0, Logits(std::vector<float>{ln(9), 0}));
  EXPECT_NEAR(state.features()[0], 0.75, kNear);
}

TEST(Score, LinearAgainstItsThreshold) {
  ExitPolicy::Parts parts = maximum_policy(2, 2, {0.5, 0});
  edit(parts, 0).bias = {-0.25F};
  const std::vector<float> logits = {ln(3), 0};
  const auto accepts = [&](double threshold) {
    parts.thresholds[0] = threshold;
    const ExitPolicy policy(parts);
    ExitState state = class_state(2, 2);
    state.begin(&policy);
    const ExitState::Step step = state.step(0, Logits(logits));
    EXPECT_NEAR(step.score, 0.5, kNear);
    // The score itself, to the bit, is enough.
    parts.thresholds[0] = static_cast<double>(step.score);
    const ExitPolicy exact(parts);
    state.begin(&exact);
    EXPECT_TRUE(state.step(0, Logits(logits)).accept);
    return step.accept;
  };
  EXPECT_TRUE(accepts(0.499));
  EXPECT_FALSE(accepts(0.501));
  EXPECT_TRUE(accepts(-kInf));
}

TEST(Score, UsesEveryFeatureAndEarlierScores) {
  // One scorer per feature of exit 1: p_0, p_1, max, certainty, vote, margin, q_0.
  const std::vector<double> expected = {0.25, 0.75, 0.75, 0.18872187554086717, 0.5, 0.5, 0.8};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ExitPolicy::Parts parts = maximum_policy(3, 2, {2, 2, 0});
    edit(parts, 1).weight.assign(7, 0);
    edit(parts, 1).weight[i] = 1;
    const ExitPolicy policy(parts);
    ExitState state = class_state(3, 2);
    state.begin(&policy);
    state.step(0, Logits(std::vector<float>{ln(4), 0}));
    EXPECT_NEAR(state.step(1, Logits(std::vector<float>{0, ln(3)})).score, expected[i], kNear)
        << "feature " << i;
  }
}

TEST(Score, HiddenLayerByHand) {
  ExitPolicy::Parts parts = zero_policy(2, 2, {0.6, 0});
  Scorer& scorer = edit(parts, 0);
  scorer.weight.assign(12, 0);
  scorer.weight[2] = 1;       // Unit 0: max - 0.5
  scorer.weight[6 + 2] = -1;  // Unit 1: 0.5 - max, cut off by the ReLU
  scorer.bias = {-0.5F, 0.5F};
  scorer.out_weight = {2, 3};
  scorer.out_bias = 0.1F;
  const ExitPolicy policy(parts);
  ExitState state = class_state(2, 2);
  state.begin(&policy);
  EXPECT_NEAR(state.step(0, Logits(std::vector<float>{ln(3), 0})).score, 2 * 0.25 + 0.1, kNear);
}

TEST(Score, ClampAppliesToWhatLaterExitsSee) {
  for (const bool clamp : {false, true}) {
    ExitPolicy::Parts parts = zero_policy(3, 2, {5, 5, 0});
    edit(parts, 0).bias = {1.75F};
    edit(parts, 1).weight[6] = 0.5F;
    edit(parts, 1).bias = {-1};
    parts.clamp = clamp;
    const ExitPolicy policy(parts);
    ExitState state = class_state(3, 2);
    state.begin(&policy);
    EXPECT_EQ(state.step(0, Logits(std::vector<float>{0, 1})).score, clamp ? 1.0F : 1.75F);
    // 0.5 q_0 - 1 is -0.5 after a clamped q_0, and clamped to 0 itself.
    EXPECT_EQ(state.step(1, Logits(std::vector<float>{0, 1})).score, clamp ? 0.0F : -0.125F);
  }
}

TEST(Score, DisabledExitEmitsZeroAndNeverAccepts) {
  ExitPolicy::Parts parts = zero_policy(3, 2, {kInf, 0.25, 0});
  edit(parts, 0).bias = {100};
  edit(parts, 1).weight[6] = 1;
  edit(parts, 1).bias = {0.25F};
  const ExitPolicy policy(parts);
  ExitState state = class_state(3, 2);
  state.begin(&policy);
  const ExitState::Step first = state.step(0, Logits(std::vector<float>{9, 0}));
  EXPECT_EQ(first.score, 0);
  EXPECT_FALSE(first.accept);
  const ExitState::Step second = state.step(1, Logits(std::vector<float>{9, 0}));
  EXPECT_EQ(second.score, 0.25F);
  EXPECT_TRUE(second.accept);
}

TEST(Score, LastExitAcceptsWhateverItsThreshold) {
  for (const double threshold : {-kInf, 0.0, 5.0, kInf}) {
    const ExitPolicy policy(maximum_policy(1, 2, {threshold}));
    ExitState state = class_state(1, 2);
    state.begin(&policy);
    const ExitState::Step step = state.step(0, Logits(std::vector<float>{0, 1}));
    EXPECT_TRUE(step.accept);
    EXPECT_EQ(step.score, 0);
  }
}

TEST(Score, NanNeverAccepts) {
  const float huge = std::numeric_limits<float>::max();
  for (const bool clamp : {false, true}) {
    ExitPolicy::Parts parts = zero_policy(4, 2, {-1e300, -kInf, -kInf, 0});
    // Finite weights whose sum overflows float32: q_0 = -inf, and 0 * -inf = NaN at exit 1.
    edit(parts, 0).weight = {-huge, -huge, -huge, 0, -huge, 0};
    parts.clamp = clamp;
    const ExitPolicy policy(parts);
    ExitState state = class_state(4, 2);
    state.begin(&policy);
    const ExitState::Step first = state.step(0, Logits(std::vector<float>{0, 1}));
    const ExitState::Step second = state.step(1, Logits(std::vector<float>{0, 1}));
    if (clamp) {
      EXPECT_EQ(first.score, 0);
      EXPECT_TRUE(second.accept);
      continue;
    }
    EXPECT_EQ(first.score, -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(second.score));
    EXPECT_FALSE(second.accept);
    const ExitState::Step third = state.step(2, Logits(std::vector<float>{0, 1}));
    EXPECT_TRUE(std::isnan(third.score));
    EXPECT_FALSE(third.accept);
    EXPECT_TRUE(state.step(3, Logits(std::vector<float>{0, 1})).accept);
  }
}

TEST(Score, NanPassesTheHiddenLayer) {
  const float huge = std::numeric_limits<float>::max();
  ExitPolicy::Parts parts = zero_policy(3, 2, {0, -kInf, 0});
  edit(parts, 0).weight = {-huge, -huge, -huge, 0, -huge, 0};
  edit(parts, 1).out_weight = {1};  // One unit, 0 * q_0 among its inputs.
  const ExitPolicy policy(parts);
  ExitState state = class_state(3, 2);
  state.begin(&policy);
  EXPECT_FALSE(state.step(0, Logits(std::vector<float>{0, 1})).accept);
  const ExitState::Step step = state.step(1, Logits(std::vector<float>{0, 1}));
  EXPECT_TRUE(std::isnan(step.score));
  EXPECT_FALSE(step.accept);
}

TEST(Step, RefusesLogitsThatAreNotFinite) {
  const ExitPolicy policy(maximum_policy(2, 3, {kInf, 0}));
  ExitState state = class_state(2, 3);
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {kNan, -kNan, inf, -inf}) {
    for (std::size_t c = 0; c < 3; ++c) {
      state.begin(&policy);
      std::vector<float> logits(3);
      state.step(0, Logits(logits));
      logits[c] = bad;
      expect_error(ErrorCode::kNonFinite, {"exit 1"}, [&] { state.step(1, Logits(logits)); });
    }
  }
}

TEST(FullDepth, LastExitAnswersAlone) {
  ExitState state = class_state(3, 2);
  state.begin(nullptr);
  const ExitState::Step step = state.step(2, Logits(std::vector<float>{ln(3), 0}));
  EXPECT_TRUE(step.accept);
  EXPECT_EQ(label_of(state), 0U);
  EXPECT_NEAR(state.features()[0], 0.75, kNear);
}

TEST(Score, StaysKnownForEveryExitPassed) {
  const ExitPolicy policy(maximum_policy(3, 2, {2, kInf, 0}));
  ExitState state = class_state(3, 2);
  state.begin(&policy);
  for (std::size_t k = 0; k < 3; ++k) state.step(k, Logits(std::vector<float>{ln(3), 0}));
  EXPECT_EQ(state.scores(0).size(), 1U);
  EXPECT_NEAR(state.scores(2)[0], 0.75, kNear);
  EXPECT_EQ(state.scores(2)[1], 0);  // disabled
  EXPECT_EQ(state.scores(2)[2], 0);  // the last
}

}  // namespace
}  // namespace eenet
