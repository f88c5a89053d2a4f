#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/segment_times.h"

namespace eenet {
namespace {

TEST(SegmentTimes, KnowsNothingAtFirst) {
  EXPECT_EQ(SegmentTimes(2).p95_ms(1), 0);
}

TEST(SegmentTimes, TakesTheWorstOfAFewRecords) {
  SegmentTimes times(2);
  times.record(0, 2);
  times.record(0, 5);
  times.record(0, 3);
  EXPECT_EQ(times.p95_ms(0), 5);
  EXPECT_EQ(times.p95_ms(1), 0);
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

TEST(SegmentTimes, NoticesSlowerRunsWithinSomeDozens) {
  SegmentTimes times(1);
  for (int i = 0; i < 1024; ++i) times.record(0, 2);
  for (int i = 0; i < 32; ++i) times.record(0, 9);
  EXPECT_EQ(times.p95_ms(0), 9);
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
