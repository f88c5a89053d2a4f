#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "drift_streams.h"
#include "watch/adaptation.h"

namespace eenet {
namespace {

using test::kInf;
using test::Stream;
using Step = Adaptation::Step;

constexpr std::size_t kWindow = Adaptation::kWindow;

/// Runs samples through what is in force.
/// @return Their mean cost.
double run(Adaptation& adaptation, Stream& stream, std::size_t samples, double power,
           double later) {
  double cost = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const Stream::Sample sample = stream.next(*adaptation.policy(), power, later);
    adaptation.record(sample.exit, sample.scores);
    cost += static_cast<double>(sample.exit + 1);
  }
  return cost / static_cast<double>(samples);
}

double run(Adaptation& adaptation, Stream& stream, std::size_t samples, double power) {
  return run(adaptation, stream, samples, power, power);
}

/// Has an alarm come, and thresholds set anew by the window after it.
void adapt(Adaptation& adaptation, Stream& stream, double power) {
  EXPECT_EQ(adaptation.advance(true, true), Step::kNone);
  run(adaptation, stream, kWindow - 1, power);
  EXPECT_EQ(adaptation.advance(false, true), Step::kNone) << "a sample is missing";
  run(adaptation, stream, 1, power);
  ASSERT_EQ(adaptation.advance(false, true), Step::kAdapted);
}

/// How many windows like the calibration set it takes until the schedule's own thresholds are back.
int windows_to_return(Adaptation& adaptation, Stream& stream) {
  int windows = 0;
  for (; adaptation.adapted() && windows < 12; ++windows) {
    run(adaptation, stream, kWindow, 1);
    EXPECT_NE(adaptation.advance(false, true), Step::kNone);
  }
  return windows;
}

TEST(QuotaThreshold, IsHalfWayBetweenNeighbours) {
  EXPECT_DOUBLE_EQ(quota_threshold({0.5F, 1, 0.25F, 0.75F}, 2), 0.625);
  EXPECT_EQ(quota_threshold({0.5F, 1}, 2), -kInf);
  EXPECT_EQ(quota_threshold({}, 0), -kInf);
}

TEST(QuotaThreshold, TiesLeaveWholeOrStayWhole) {
  const std::vector<float> scores = {0.5F, 1, 0.5F, 0.5F, 0.25F};
  for (const std::size_t quota : {1U, 2U, 3U}) {
    EXPECT_DOUBLE_EQ(quota_threshold(scores, quota), 0.75) << quota;
  }
  EXPECT_DOUBLE_EQ(quota_threshold(scores, 4), 0.375);
}

TEST(QuotaThreshold, NobodyLeavingDoesNotDisableTheExit) {
  for (const double threshold : {quota_threshold({1, 0.5F}, 0), quota_threshold({1, 1, 1}, 2)}) {
    EXPECT_TRUE(std::isfinite(threshold));
    EXPECT_GT(threshold, std::numeric_limits<float>::max());
  }
}

TEST(Adaptation, KeepsThePlanAndComesBack) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  Stream stream;
  EXPECT_EQ(adaptation.advance(true, true), Step::kNone) << "the samples have yet to come";
  EXPECT_NEAR(run(adaptation, stream, kWindow, 3), 2.7, 0.1);
  EXPECT_EQ(adaptation.advance(false, true), Step::kAdapted);
  EXPECT_TRUE(adaptation.adapted());
  double cost = 0;
  for (int window = 0; window < 8; ++window) {
    EXPECT_EQ(adaptation.advance(false, true), Step::kNone) << "the next window has yet to come";
    cost += run(adaptation, stream, kWindow, 3) / 8;
    EXPECT_EQ(adaptation.advance(false, true), Step::kAdapted);
  }
  EXPECT_NEAR(cost, 2.12, 0.05);
  // Thresholds of the planned shares of u^3.
  EXPECT_NEAR(adaptation.policy()->thresholds()[0], std::pow(0.7, 3), 0.05);
  EXPECT_NEAR(adaptation.policy()->thresholds()[1], std::pow(0.6, 3), 0.07);
  EXPECT_LE(windows_to_return(adaptation, stream), 4);
  EXPECT_EQ(adaptation.policy()->thresholds()[0], 0.7);
}

TEST(Adaptation, ComesBackFromADriftThatOnlyALaterExitShows) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  Stream stream;
  adaptation.advance(true, true);
  run(adaptation, stream, kWindow, 1, 4);
  ASSERT_EQ(adaptation.advance(false, true), Step::kAdapted);
  run(adaptation, stream, kWindow, 1, 4);
  ASSERT_EQ(adaptation.advance(false, true), Step::kAdapted);
  EXPECT_NEAR(adaptation.policy()->thresholds()[0], 0.7, 0.05);
  EXPECT_NEAR(adaptation.policy()->thresholds()[1], std::pow(0.6, 4), 0.07);
  EXPECT_LE(windows_to_return(adaptation, stream), 5);
}

TEST(Adaptation, StaysWhileALaterExitIsOffThoughTheFirstLooksAsPlannedAgain) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  Stream stream;
  adaptation.advance(true, true);
  run(adaptation, stream, kWindow, 1.4, 4);  // 22 % leave at the first exit, 30 % are planned.
  ASSERT_EQ(adaptation.advance(false, true), Step::kAdapted);
  for (int window = 0; window < 8; ++window) {
    run(adaptation, stream, kWindow, 1, 4);
    EXPECT_EQ(adaptation.advance(false, true), Step::kAdapted) << window;
  }
  EXPECT_LE(windows_to_return(adaptation, stream), 5);
}

TEST(Adaptation, NewDriftIsAdaptedToAfterAReturn) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  Stream stream;
  adapt(adaptation, stream, 3);
  windows_to_return(adaptation, stream);
  ASSERT_FALSE(adaptation.adapted());
  EXPECT_EQ(adaptation.advance(false, false), Step::kNone);
  adapt(adaptation, stream, 3);
}

TEST(Adaptation, ASmallDriftThatGoesOnIsFollowedThoughWindowsDifferByChance) {
  for (const double power : {1.07, 1.15, 1.3}) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
      Stream stream(seed);
      adapt(adaptation, stream, power);
      double cost = 0;
      int own = 0;
      for (int window = 0; window < 200; ++window) {
        own += adaptation.adapted() ? 0 : 1;
        cost += run(adaptation, stream, kWindow, power) / 200;
        adaptation.advance(true, true);
      }
      EXPECT_NEAR(cost, 2.12, 0.02) << power << ", seed " << seed << ", own " << own;
      // A drift of 1.07 is next to none: the schedule's own thresholds look as if they would do.
      EXPECT_LE(own, power < 1.1 ? 100 : 40) << power << ", seed " << seed;
    }
  }
}

TEST(Adaptation, RollsBackWhatDoesWorseAndThenWaitsForTheDriftToEnd) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  Stream stream;
  adapt(adaptation, stream, 1.5);
  // Far easier at once: the thresholds for harder samples are further off than before.
  run(adaptation, stream, kWindow, 0.2);
  EXPECT_EQ(adaptation.advance(false, true), Step::kRolledBack);
  run(adaptation, stream, kWindow, 0.2);
  EXPECT_EQ(adaptation.advance(true, true), Step::kNone);
  run(adaptation, stream, kWindow, 0.2);
  EXPECT_EQ(adaptation.advance(true, true), Step::kNone);
  EXPECT_EQ(adaptation.advance(false, false), Step::kNone);
  adapt(adaptation, stream, 0.2);
}

TEST(Adaptation, DisabledExitsStayDisabledAndTheOthersAdapt) {
  auto schedule = test::uniform_schedule();
  schedule->exit_policy =
      std::make_shared<const ExitPolicy>(schedule->exit_policy->with_thresholds({kInf, 0.6, 0}));
  schedule->calibration_shares = {0, 0.4, 0.6};
  Adaptation adaptation(schedule, {1, 2, 3});
  Stream stream;
  adapt(adaptation, stream, 3);
  EXPECT_EQ(adaptation.policy()->thresholds()[0], kInf);
  EXPECT_NEAR(adaptation.policy()->thresholds()[1], std::pow(0.6, 3), 0.06);
}

TEST(Adaptation, AnExitThatFewReachKeepsItsThreshold) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  const std::array<float, 1> sure = {1};
  adaptation.advance(true, true);
  for (std::size_t i = 0; i < kWindow; ++i) adaptation.record(0, sure);
  ASSERT_EQ(adaptation.advance(false, true), Step::kAdapted);
  EXPECT_GT(adaptation.policy()->thresholds()[0], 1e300) << "all are tied, so that none leaves";
  EXPECT_EQ(adaptation.policy()->thresholds()[1], 0.6);
}

TEST(Adaptation, TriesAgainWhenADriftOutlastsTheWait) {
  Adaptation adaptation(test::uniform_schedule(), {1, 2, 3});
  Stream stream;
  adapt(adaptation, stream, 1.5);
  run(adaptation, stream, kWindow, 0.2);
  ASSERT_EQ(adaptation.advance(false, true), Step::kRolledBack);
  for (std::size_t window = 0; window < Adaptation::kBarred; ++window) {
    EXPECT_EQ(adaptation.advance(true, true), Step::kNone) << window;
    run(adaptation, stream, kWindow, 0.2);
  }
  adapt(adaptation, stream, 0.2);
}

}  // namespace
}  // namespace eenet
