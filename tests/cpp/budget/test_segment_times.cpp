#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "budget/segment_times.h"

namespace eenet {
namespace {

TEST(SegmentTimes, KnowsNothingAtFirst) {
  EXPECT_EQ(SegmentTimes(2).p95_ms(1), 0);
}

TEST(SegmentTimes, TakesTheMedianOfTooFewForAQuantile) {
  SegmentTimes times(2);
  times.record(0, 2);
  times.record(0, 80);
  EXPECT_EQ(times.p95_ms(0), 2);
  times.record(0, 3);
  EXPECT_EQ(times.p95_ms(0), 3);
  EXPECT_EQ(times.p95_ms(1), 0);
  for (int i = 3; i < 19; ++i) times.record(0, i < 10 ? 2 : 80);
  EXPECT_EQ(times.p95_ms(0), 80);
  SegmentTimes some(1);
  for (int i = 0; i < 18; ++i) some.record(0, 2);
  some.record(0, 80);
  EXPECT_EQ(some.p95_ms(0), 2);
}

TEST(SegmentTimes, LeavesOneOfTwentyAbove) {
  SegmentTimes times(1);
  for (int i = 1; i <= 20; ++i) times.record(0, i);
  EXPECT_EQ(times.p95_ms(0), 19);
  for (int i = 21; i <= 256; ++i) times.record(0, i);
  EXPECT_EQ(times.p95_ms(0), 244);  // 243.2 of 256 are 95 %.
}

TEST(SegmentTimes, ForgetsWhatIsLongAgo) {
  SegmentTimes times(1);
  for (int i = 0; i < 1000; ++i) times.record(0, 9);
  for (int i = 0; i < 256; ++i) times.record(0, 2);
  EXPECT_EQ(times.p95_ms(0), 2);
}

TEST(SegmentTimes, LooksAtTheLast256) {
  SegmentTimes times(1);
  for (int i = 320; i >= 1; --i) times.record(0, i);
  EXPECT_EQ(times.p95_ms(0), 244);  // Of 1 .. 256; one more would make it 245.
}

TEST(SegmentTimes, NoticesSlowerRunsWithinSomeDozens) {
  SegmentTimes times(1);
  for (int i = 0; i < 1024; ++i) times.record(0, 2);
  for (int i = 0; i < 32; ++i) times.record(0, 9);
  EXPECT_EQ(times.p95_ms(0), 9);
}

/// A clock that stands still until a test moves it.
SegmentTimes::Clock::time_point moved{std::chrono::hours(1)};

SegmentTimes::Clock::time_point now() {
  return moved;
}

void pass(std::chrono::milliseconds time) {
  moved += time;
}

/// How many milliseconds of refusals it takes until somebody is let through.
int refused_for(SegmentTimes& times, double deadline) {
  constexpr int kStep = 10;
  constexpr int kLongest = 1'000'000;
  int waited = 0;
  while (waited < kLongest && !times.fits(0, deadline)) {
    pass(std::chrono::milliseconds(kStep));
    waited += kStep;
  }
  return waited;
}

class SegmentTimesOnAClock : public testing::Test {
 protected:
  SegmentTimesOnAClock() : times_(2, &now) { pass(std::chrono::hours(1)); }

  SegmentTimes times_;
};

TEST_F(SegmentTimesOnAClock, BeginWhatKeepsTheTime) {
  EXPECT_TRUE(times_.fits(0, 1));
  for (int i = 0; i < 30; ++i) times_.record(0, 5);
  EXPECT_TRUE(times_.fits(0, 5));
  EXPECT_FALSE(times_.fits(0, 4.9));
  EXPECT_TRUE(times_.fits(1, 4.9));
}

TEST_F(SegmentTimesOnAClock, AreBackAfterTheFirstQuietRun) {
  for (int i = 0; i < 60; ++i) times_.record(0, i % 10 == 0 ? 80 : 5);
  ASSERT_EQ(times_.p95_ms(0), 80);
  EXPECT_EQ(refused_for(times_, 40), 250);
  EXPECT_FALSE(times_.fits(0, 40));  // One caller is enough.
  times_.record(0, 5);
  EXPECT_EQ(times_.p95_ms(0), 5);
  EXPECT_TRUE(times_.fits(0, 40));
  // What was slow once more is looked at as soon as before.
  for (int i = 0; i < 40; ++i) times_.record(0, 80);
  EXPECT_FALSE(times_.fits(0, 40));
  EXPECT_EQ(refused_for(times_, 40), 250);
}

TEST_F(SegmentTimesOnAClock, AskEverMoreRarelyWhereNothingHasChanged) {
  for (int i = 0; i < 60; ++i) times_.record(0, 50);
  std::vector<int> waits;
  for (int i = 0; i < 10; ++i) {
    waits.push_back(refused_for(times_, 40));
    times_.record(0, 50);
  }
  EXPECT_EQ(waits,
            (std::vector<int>{250, 500, 1000, 2000, 4000, 8000, 16'000, 32'000, 64'000, 64'000}));
  for (int i = 0; i < 256; ++i) times_.record(0, 50);
  EXPECT_EQ(refused_for(times_, 40), 250);
}

TEST_F(SegmentTimesOnAClock, NeverBeginWhatHasNoTimeLeft) {
  times_.record(0, 5);
  EXPECT_GE(refused_for(times_, 0), 1'000'000);
  EXPECT_GE(refused_for(times_, -1), 1'000'000);
}

TEST(SegmentTimes, LetsOneOfManyThreadsThrough) {
  SegmentTimes times(1, &now);
  times.record(0, 50);
  EXPECT_FALSE(times.fits(0, 40));
  pass(std::chrono::seconds(1));
  std::atomic<int> through{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) through += times.fits(0, 40) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(through, 1);
}

TEST(SegmentTimes, TakesRecordsFromManyThreads) {
  SegmentTimes times(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&times] {
      for (int i = 0; i < 10'000; ++i) times.record(0, 3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(times.p95_ms(0), 3);
}

}  // namespace
}  // namespace eenet
