#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/budget.h"
#include "eenet/drift.h"
#include "eenet/error.h"

#include "drift_streams.h"
#include "support.h"
#include "watch/watch.h"

namespace eenet {
namespace {

using test::expect_error;
using test::kInf;
using test::profile;
using test::Stream;

/// A watch over schedules, and the events so far.
class WatchedStream {
 public:
  explicit WatchedStream(
      WatchOptions options = {},
      std::vector<std::shared_ptr<const Schedule>> schedules = {test::uniform_schedule()})
      : schedules_(schedules),
        watch_(BudgetTable(std::move(schedules), profile({1, 2, 3}), {}), std::move(options)) {}

  /// Counts samples of a stream, and judges blocks as they come.
  void run(Stream& stream, int samples, double power = 1, std::size_t schedule = 0,
           bool limited = false) {
    for (int i = 0; i < samples; ++i) {
      const Stream::Sample sample = stream.next(*schedules_[schedule]->exit_policy, power);
      count({sample.exit, sample.scores, limited, std::nullopt}, schedule);
    }
  }
  void count(const ObservedSample& sample, std::size_t schedule = 0) {
    if (!watch_.count(schedule, sample, nullptr)) return;
    for (Alarm& alarm : watch_.judge(schedule, nullptr).alarms) alarms.push_back(alarm);
  }
  Health health() const { return watch_.health(nullptr); }
  Watch& watch() { return watch_; }

  std::vector<Alarm> alarms;

 private:
  std::vector<std::shared_ptr<const Schedule>> schedules_;
  Watch watch_;
};

TEST(Watch, SamplesLikeTheCalibrationSetRaiseNoAlarm) {
  WatchedStream watched;
  Stream stream;
  watched.run(stream, 300'000);
  EXPECT_TRUE(watched.alarms.empty());
  const Health health = watched.health();
  EXPECT_EQ(health.status, Health::Status::kHealthy);
  EXPECT_EQ(health.samples, 300'000U);
  EXPECT_LT(health.evidence, 1e6);
  ASSERT_EQ(health.exit_shares.size(), 3U);
  EXPECT_NEAR(health.exit_shares[0], 0.3, 0.07);
  EXPECT_EQ(health.expected_exit_shares, (std::vector<double>{0.3, 0.28, 0.42}));
  EXPECT_NEAR(*health.mean_cost, 2.12, 0.12);
  EXPECT_NEAR(*health.expected_mean_cost, 2.12, 1e-12);
}

TEST(Watch, FalseAlarmsAreAsRareAsItSays) {
  // Shares that are known exactly, so that every bet is at its border.
  WatchOptions options;
  options.false_alarm_interval = 3000;
  double samples = 0;
  constexpr int kRuns = 60;
  for (int run = 0; run < kRuns; ++run) {
    WatchedStream watched(options, {test::uniform_schedule(1'000'000'000)});
    Stream stream(static_cast<std::uint64_t>(run));
    while (watched.alarms.empty()) watched.run(stream, 64);
    samples += static_cast<double>(watched.health().samples);
  }
  EXPECT_GE(samples / kRuns, options.false_alarm_interval);
  EXPECT_LE(samples / kRuns, 10 * options.false_alarm_interval) << "an alarm that never comes";
}

TEST(Watch, DriftIsReportedOnceByEachThingWatched) {
  WatchedStream watched;
  Stream stream;
  watched.run(stream, 5000);
  watched.run(stream, 1000, 2);
  ASSERT_FALSE(watched.alarms.empty());
  const Alarm& first = watched.alarms.front();
  EXPECT_GT(first.sample, 5000U);
  EXPECT_LT(first.sample, 5600U);
  EXPECT_GE(first.evidence, 1e6);
  EXPECT_TRUE(first.seen < first.low || first.seen > first.high);
  EXPECT_EQ(watched.health().status, Health::Status::kDrifted);
  watched.run(stream, 10'000, 2);
  // Exits, scores at exit 0 and scores at exit 1.
  EXPECT_EQ(watched.alarms.size(), 3U);
  EXPECT_EQ(watched.health().alarms.size(), 3U);
}

TEST(Watch, ADriftIsOverWhenThereIsNoMoreEvidence) {
  WatchedStream watched;
  Stream stream;
  watched.run(stream, 2000, 2);
  const std::size_t alarms = watched.alarms.size();
  ASSERT_GT(alarms, 0U);
  watched.run(stream, 4096 + 512);
  EXPECT_EQ(watched.health().status, Health::Status::kHealthy);
  EXPECT_EQ(watched.alarms.size(), alarms);
  watched.run(stream, 2000, 2);
  EXPECT_EQ(watched.alarms.size(), 2 * alarms);
  EXPECT_EQ(watched.health().status, Health::Status::kDrifted);
}

TEST(Watch, AlarmsSayWhatIsOff) {
  WatchedStream watched;
  // Nobody leaves at exit 1 any more, with scores just below its threshold.
  Stream stream;
  const auto schedule = test::uniform_schedule();
  for (int i = 0; i < 1000; ++i) {
    Stream::Sample sample = stream.next(*schedule->exit_policy);
    if (sample.exit == 1) sample = {2, {sample.scores[0], 0.55F, 0}};
    watched.count({sample.exit, sample.scores, false, std::nullopt});
  }
  ASSERT_EQ(watched.alarms.size(), 2U);
  for (const Alarm& alarm : watched.alarms) {
    EXPECT_EQ(alarm.exit, 1U) << alarm.text();
    if (alarm.watched == Watched::kExits) {
      EXPECT_EQ(alarm.expected, 0.28);
      EXPECT_LT(alarm.seen, 0.2);
      EXPECT_NE(alarm.text().find("schedule 0, exit 1: "), std::string::npos) << alarm.text();
      EXPECT_NE(alarm.text().find("% of the latest samples left, 25.0 % to 31.3 % expected"),
                std::string::npos)
          << alarm.text();
    } else {
      EXPECT_EQ(alarm.scores, (std::pair<float, float>{0.1F * 5, 0.1F * 6}));
      EXPECT_NE(alarm.text().find("scores from 0.5 to below 0.6"), std::string::npos);
    }
  }
}

TEST(Watch, WithoutBinsExitSharesAreWatched) {
  auto schedule = test::uniform_schedule();
  schedule->score_bins = std::nullopt;
  schedule->agreement.clear();
  WatchedStream watched({}, {schedule});
  Stream stream;
  watched.run(stream, 100'000);
  EXPECT_TRUE(watched.alarms.empty());
  watched.run(stream, 5000, 2);
  ASSERT_EQ(watched.alarms.size(), 1U);
  EXPECT_EQ(watched.alarms[0].watched, Watched::kExits);
}

TEST(Watch, WhatEndsEarlyForOtherReasonsIsWatchedByItsScores) {
  WatchedStream watched;
  Stream stream;
  for (int i = 0; i < 20'000; ++i) {
    Stream::Sample sample = stream.next(*test::uniform_schedule()->exit_policy);
    sample.exit = std::min<std::size_t>(sample.exit, 1);
    watched.count({sample.exit, sample.scores, true, std::nullopt});
  }
  EXPECT_TRUE(watched.alarms.empty());
  EXPECT_TRUE(watched.health().exit_shares.empty());
  watched.run(stream, 3000, 2, 0, true);
  ASSERT_EQ(watched.alarms.size(), 2U);
  EXPECT_EQ(watched.alarms[0].watched, Watched::kScores);
}

TEST(Watch, EverySchedulesSamplesAreComparedWithItsOwnCalibration) {
  auto harder = test::uniform_schedule();
  harder->budget = 2.6;
  harder->calibration_shares = {0.1, 0.36, 0.54};
  harder->exit_policy =
      std::make_shared<const ExitPolicy>(harder->exit_policy->with_thresholds({0.9, 0.6, 0}));
  WatchedStream watched({}, {test::uniform_schedule(), harder});
  Stream stream;
  for (int i = 0; i < 3000; ++i) watched.run(stream, 7, 1, static_cast<std::size_t>(i % 2));
  EXPECT_TRUE(watched.alarms.empty());
  const Health health = watched.health();
  EXPECT_GT(health.expected_exit_shares[0], 0.15);
  EXPECT_LT(health.expected_exit_shares[0], 0.25);
  watched.run(stream, 3000, 2, 1);
  ASSERT_FALSE(watched.alarms.empty());
  for (const Alarm& alarm : watched.alarms) EXPECT_EQ(alarm.schedule, 1U);
  // Nothing is known of a schedule that does not run.
  watched.run(stream, 1000, 1, 0);
  EXPECT_EQ(watched.health().status, Health::Status::kHealthy);
}

TEST(Watch, DisabledExitsAndEmptyBinsAreNotWatched) {
  auto schedule = test::uniform_schedule();
  schedule->exit_policy =
      std::make_shared<const ExitPolicy>(schedule->exit_policy->with_thresholds({kInf, kInf, 0}));
  schedule->calibration_shares = {0, 0, 1};
  schedule->score_bins->shares.assign(20, 0);
  WatchedStream watched({}, {schedule});
  Stream stream;
  watched.run(stream, 10'000);
  EXPECT_TRUE(watched.alarms.empty());
  // One bin for all: every edge is beyond the scores.
  auto tied = test::uniform_schedule();
  tied->score_bins->edges.assign(18, std::numeric_limits<float>::infinity());
  tied->score_bins->shares = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  WatchedStream other({}, {tied});
  other.run(stream, 10'000);
  EXPECT_TRUE(other.alarms.empty());
  EXPECT_GT(other.health().samples, 0U);
}

/// Runs samples that leave at exit 0 and are audited, of which so many the last exit agrees with.
void audit(WatchedStream& watched, Stream& stream, int samples, double agreement) {
  for (int i = 0; i < samples; ++i) {
    const Stream::Sample sample = stream.next(*test::uniform_schedule()->exit_policy);
    const bool audited = sample.exit == 0;
    const auto agrees = audited ? std::optional(stream.happens(agreement)) : std::nullopt;
    watched.count({sample.exit, sample.scores, false, agrees});
  }
}

TEST(Watch, AuditsTrackAgreement) {
  WatchOptions options;
  options.audit_share = 1;
  WatchedStream watched(options);
  Stream stream;
  audit(watched, stream, 50'000, 0.8);
  EXPECT_TRUE(watched.alarms.empty());
  Health health = watched.health();
  EXPECT_NEAR(static_cast<double>(health.audits), 15'000, 500);
  EXPECT_NEAR(*health.agreement[0], 0.8, 0.01);
  EXPECT_EQ(health.agreement[1], std::nullopt);
  EXPECT_NEAR(health.expected_agreement[0].value(), 0.8, 1e-12);
  EXPECT_NEAR(*health.mean_audit_cost, 0.3 * (3 - 1), 0.02);
  audit(watched, stream, 20'000, 1);
  EXPECT_TRUE(watched.alarms.empty()) << "more agreement is nothing to be alarmed at";
  audit(watched, stream, 5000, 0.6);
  ASSERT_EQ(watched.alarms.size(), 1U);
  EXPECT_EQ(watched.alarms[0].watched, Watched::kAgreement);
  EXPECT_EQ(watched.alarms[0].exit, 0U);
  EXPECT_LT(watched.alarms[0].seen, watched.alarms[0].low);
  EXPECT_NE(watched.alarms[0].text().find("the last exit agreed with"), std::string::npos);
}

TEST(Watch, AuditsWithoutAnExpectationAreCountedOnly) {
  auto schedule = test::uniform_schedule();
  schedule->agreement.clear();
  WatchOptions options;
  options.audit_share = 1;
  WatchedStream watched(options, {schedule});
  Stream stream;
  audit(watched, stream, 5000, 0.1);
  EXPECT_TRUE(watched.alarms.empty());
  EXPECT_NEAR(watched.health().agreement[0].value(), 0.1, 0.03);
  EXPECT_EQ(watched.health().expected_agreement[0], std::nullopt);
}

TEST(Watch, TheLotteryIsSeededAndDrawsItsShare) {
  const auto drawn = [](double share, std::uint64_t seed) {
    WatchOptions options;
    options.audit_share = share;
    options.seed = seed;
    WatchedStream watched(options);
    std::vector<bool> out;
    for (int i = 0; i < 10'000; ++i) out.push_back(watched.watch().lottery()->draw());
    return out;
  };
  const auto count = [](const std::vector<bool>& out) { return std::ranges::count(out, true); };
  EXPECT_EQ(drawn(0.1, 1), drawn(0.1, 1));
  EXPECT_NE(drawn(0.1, 1), drawn(0.1, 2));
  EXPECT_NEAR(static_cast<double>(count(drawn(0.1, 3))), 1000, 120);
  EXPECT_EQ(count(drawn(1, 1)), 10'000);
  EXPECT_EQ(WatchedStream().watch().lottery(), nullptr);
}

TEST(Watch, ThreadsLoseNoSamples) {
  constexpr int kThreads = 8;
  constexpr int kEach = 100'000;
  WatchOptions options;
  options.audit_share = 1;
  WatchedStream watched(options);
  const auto schedule = test::uniform_schedule();
  std::atomic<int> alarms{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Stream stream(static_cast<std::uint64_t>(t));
      for (int i = 0; i < kEach; ++i) {
        const Stream::Sample sample = stream.next(*schedule->exit_policy);
        const auto agrees = sample.exit < 2 ? std::optional(stream.happens(0.85)) : std::nullopt;
        if (watched.watch().count(0, {sample.exit, sample.scores, false, agrees}, nullptr)) {
          alarms += static_cast<int>(watched.watch().judge(0, nullptr).alarms.size());
        }
        if (i % 1000 == 0) watched.health();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Health health = watched.health();
  EXPECT_EQ(health.samples, static_cast<std::uint64_t>(kThreads) * kEach);
  EXPECT_NEAR(static_cast<double>(health.audits), 0.58 * kThreads * kEach, 3000);
  EXPECT_EQ(alarms, static_cast<int>(health.alarms.size()));
  EXPECT_EQ(health.exit_shares.size(), 3U);
}

TEST(Watch, RefusesBadOptions) {
  const auto refused = [](const WatchOptions& options, const std::string& message) {
    expect_error(ErrorCode::kInput, {message}, [&] { WatchedStream{options}; });
  };
  for (const double interval : {0.0, -1.0, kInf, std::nan("")}) {
    WatchOptions options;
    options.false_alarm_interval = interval;
    refused(options, "false_alarm_interval: ");
  }
  for (const double share : {-0.1, 1.1, std::nan("")}) {
    WatchOptions options;
    options.audit_share = share;
    refused(options, "audit_share: ");
  }
  expect_error(ErrorCode::kConfiguration, {"no schedules"}, [] { WatchedStream({}, {}); });
}

}  // namespace
}  // namespace eenet
