#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/stats.h"

#include "run/stats_recorder.h"

namespace eenet {
namespace {

TEST(LatencyHistogram, KnowsEveryLatencyToTwoPercent) {
  for (double ns = 1; ns < 1e13; ns *= 1.01) {
    LatencyHistogram histogram;
    const auto value = static_cast<std::uint64_t>(ns);
    histogram.record(value);
    const double found = histogram.quantile_ms(0.5) * 1e6;
    EXPECT_NEAR(found, static_cast<double>(value), 0.0162 * static_cast<double>(value));
    EXPECT_NEAR(histogram.mean_ms() * 1e6, static_cast<double>(value), 1e-6 * ns);
  }
}

TEST(LatencyHistogram, TakesTheExtremes) {
  LatencyHistogram histogram;
  histogram.record(0);
  EXPECT_EQ(histogram.quantile_ms(1), 0);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_NEAR(histogram.quantile_ms(1) * 1e6, 1.8e19, 0.04e19);
}

TEST(LatencyHistogram, QuantilesSplitTheRecords) {
  LatencyHistogram histogram;
  for (std::uint64_t i = 1; i <= 1000; ++i) histogram.record(i * 1000);
  EXPECT_NEAR(histogram.quantile_ms(0.50), 0.500, 0.010);
  EXPECT_NEAR(histogram.quantile_ms(0.90), 0.900, 0.018);
  EXPECT_NEAR(histogram.quantile_ms(0.99), 0.990, 0.020);
  EXPECT_NEAR(histogram.mean_ms(), 0.5005, 1e-9);
}

TEST(LatencyHistogram, IsEmptyAtFirstAndAfterReset) {
  LatencyHistogram histogram;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.mean_ms(), 0);
    EXPECT_EQ(histogram.quantile_ms(0.5), 0);
    histogram.record(12345);
    histogram.reset();
  }
}

TEST(StatsRecorder, SumsUpExitsAndCosts) {
  StatsRecorder recorder(3);
  recorder.record(0, StopReason::kPolicy, 1);
  recorder.record(0, StopReason::kPolicy, 1);
  recorder.record(0, StopReason::kPolicy, 1);
  recorder.record(2, StopReason::kPolicy, 3);
  const Stats stats = recorder.summary({1, 2, 5});
  EXPECT_EQ(stats.count, 4U);
  EXPECT_EQ(stats.exits, (std::vector<std::uint64_t>{3, 0, 1}));
  EXPECT_EQ(stats.mean_cost, 2);
  EXPECT_NEAR(stats.latency.mean_ms.value(), 1.5, 1e-9);
  EXPECT_NEAR(stats.latency.p50_ms.value(), 1, 0.02);
  EXPECT_NEAR(stats.latency.p99_ms.value(), 3, 0.05);
}

TEST(StatsRecorder, ClaimsNothingItDoesNotKnow) {
  StatsRecorder recorder(2);
  const Stats none = recorder.summary({1, 2});
  EXPECT_EQ(none.count, 0U);
  EXPECT_EQ(none.exits, (std::vector<std::uint64_t>{0, 0}));
  const LatencySummary& latency = none.latency;
  EXPECT_FALSE(none.mean_cost || latency.mean_ms || latency.p50_ms || latency.p90_ms ||
               latency.p99_ms);
  recorder.record(1, StopReason::kPolicy, 2);
  EXPECT_FALSE(recorder.summary({}).mean_cost);
  EXPECT_TRUE(recorder.summary({}).latency.p90_ms);
  recorder.reset();
  EXPECT_EQ(recorder.summary({}).count, 0U);
}

TEST(StatsRecorder, CountsWhySamplesLeft) {
  StatsRecorder recorder(2);
  recorder.record(0, StopReason::kDeadline, 1);
  recorder.record(0, StopReason::kDeadline, 1);
  recorder.record(1, StopReason::kPolicy, 1);
  const std::array<std::uint64_t, kStopReasons> expected = {1, 0, 2, 0};
  EXPECT_EQ(recorder.summary({}).stops, expected);
  recorder.reset();
  EXPECT_EQ(recorder.summary({}).stops, (std::array<std::uint64_t, kStopReasons>{}));
}

TEST(StatsRecorder, SharesTheTimeOfASegmentAmongTheBatch) {
  StatsRecorder recorder(2);
  recorder.record_segment(0, 1, 4);
  recorder.record_segment(0, 3, 6);
  const Stats stats = recorder.summary({});
  EXPECT_EQ(stats.segments[0].count, 4U);
  EXPECT_NEAR(stats.segments[0].mean_ms.value(), 2.5, 1e-9);
  EXPECT_NEAR(stats.segments[0].p50_ms.value(), 2, 0.04);
  EXPECT_NEAR(stats.segments[0].p99_ms.value(), 4, 0.07);
  EXPECT_EQ(stats.segments[1].count, 0U);
  EXPECT_FALSE(stats.segments[1].mean_ms);
  recorder.reset();
  EXPECT_EQ(recorder.summary({}).segments[0].count, 0U);
}

TEST(StatsRecorder, LosesNothingAmongThreads) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 20'000;
  StatsRecorder recorder(2);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&recorder, t] {
      for (std::size_t i = 0; i < kEach; ++i) recorder.record(t % 2, StopReason::kPolicy, 0.5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Stats stats = recorder.summary({});
  EXPECT_EQ(stats.exits, (std::vector<std::uint64_t>{2 * kEach, 2 * kEach}));
  EXPECT_NEAR(stats.latency.mean_ms.value(), 0.5, 1e-9);
}

}  // namespace
}  // namespace eenet
