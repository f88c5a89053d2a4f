#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "watch/detector.h"
#include "watch/share_range.h"

namespace eenet {
namespace {

constexpr std::uint64_t kBlock = 64;

/// Counts of a block whose samples fall into categories with these shares.
std::vector<std::uint64_t> draw(const std::vector<double>& shares, std::mt19937_64& random) {
  std::discrete_distribution<std::size_t> category(shares.begin(), shares.end());
  std::vector<std::uint64_t> counts(shares.size());
  for (std::uint64_t i = 0; i < kBlock; ++i) ++counts[category(random)];
  return counts;
}

/// Mean number of blocks until the evidence reaches `limit`, of so many runs.
double mean_blocks(DriftDetector detector, const std::vector<double>& shares, double limit,
                   int runs) {
  std::mt19937_64 random(0);
  int blocks = 0;
  for (int run = 0; run < runs; ++run) {
    detector.restart();
    do {
      detector.update(draw(shares, random));
      ++blocks;
    } while (detector.evidence() < limit);
  }
  return static_cast<double>(blocks) / runs;
}

std::vector<ShareRange> ranges_of(const std::vector<double>& shares, std::int64_t samples) {
  std::vector<ShareRange> ranges;
  const double deviations = simultaneous_deviations(shares.size());
  for (const double share : shares) ranges.push_back(share_range(share, samples, deviations));
  return ranges;
}

TEST(ShareRange, DeviationsAreNormalQuantiles) {
  // 0.5 % and 0.05 % in a tail.
  EXPECT_NEAR(simultaneous_deviations(1), 2.5758293, 1e-6);
  EXPECT_NEAR(simultaneous_deviations(10), 3.2905267, 1e-6);
  EXPECT_EQ(simultaneous_deviations(0), simultaneous_deviations(1));
}

TEST(ShareRange, IsWilsons) {
  const ShareRange half = share_range(0.5, 100, 2);
  EXPECT_NEAR(half.low, 0.5 - 0.0980581, 1e-6);
  EXPECT_NEAR(half.high, 0.5 + 0.0980581, 1e-6);
  const ShareRange none = share_range(0, 100, 2);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 4.0 / 104, 1e-12);
  const ShareRange all = share_range(1, 100, 2);
  EXPECT_NEAR(all.low, 100.0 / 104, 1e-12);
  EXPECT_EQ(all.high, 1);
  EXPECT_TRUE(all.holds(1));
  EXPECT_FALSE(all.holds(0.96));
  const ShareRange unknown = share_range(0.3, 0, 2);
  EXPECT_EQ(unknown.low, 0);
  EXPECT_EQ(unknown.high, 1);
}

TEST(ShareRange, HoldsTheTruthForAsManyCalibrationSetsAsItSays) {
  const std::vector<double> truth = {0.02, 0.08, 0.3, 0.6};
  std::mt19937_64 random(0);
  int missed = 0;
  constexpr int kSets = 2000;
  for (int set = 0; set < kSets; ++set) {
    std::discrete_distribution<std::size_t> category(truth.begin(), truth.end());
    std::vector<double> shares(truth.size());
    for (int i = 0; i < 1000; ++i) shares[category(random)] += 1.0 / 1000;
    const std::vector<ShareRange> ranges = ranges_of(shares, 1000);
    bool holds = true;
    for (std::size_t i = 0; i < truth.size(); ++i) holds = holds && ranges[i].holds(truth[i]);
    missed += holds ? 0 : 1;
  }
  EXPECT_LE(missed, 2 * kSets / 100);
}

TEST(DriftDetector, ASampleAtABorderChangesNoMean) {
  // With the share at the border, the likelihood ratio has a mean of 1 and the evidence grows by 1
  // a block: of blocks of one sample, by hand.
  for (const double border : {0.2, 0.7}) {
    for (const ShareRange range : {ShareRange{0, border}, ShareRange{border, 1}}) {
      DriftDetector hit({range, {}});
      DriftDetector miss({range, {}});
      hit.update(std::array<std::uint64_t, 2>{1, 0});
      miss.update(std::array<std::uint64_t, 2>{0, 1});
      EXPECT_NEAR(border * hit.evidence() + (1 - border) * miss.evidence(), 1, 1e-12);
      EXPECT_EQ(hit.evidence() > miss.evidence(), range.low == 0);
    }
  }
}

TEST(DriftDetector, FalseAlarmsAreAsRareAsItSays) {
  constexpr double kLimit = 50;
  constexpr int kRuns = 400;
  const std::vector<double> expected = {0.5, 0.3, 0.2};
  // As far off as the ranges allow in one category, and in their middle.
  const DriftDetector detector(ranges_of(expected, 1000));
  const double border = share_range(0.5, 1000, simultaneous_deviations(3)).high;
  EXPECT_GE(mean_blocks(detector, {border, 0.3 * (1 - border) / 0.5, 0.2 * (1 - border) / 0.5},
                        kLimit, kRuns),
            kLimit);
  // All bets at their border at once: here the mean is the limit itself, but for what the last
  // block goes beyond it, so that a limit twice too low would show.
  const double exact = mean_blocks(DriftDetector({{0, 0.5}, {0.5, 1}}), {0.5, 0.5}, kLimit, kRuns);
  EXPECT_GE(exact, 0.9 * kLimit);
  EXPECT_LE(exact, 6 * kLimit);
}

TEST(DriftDetector, AlarmsSoonAfterAChange) {
  const double limit = 1e6 / 64;
  const std::vector<double> expected = {0.4, 0.3, 0.2, 0.1};
  const DriftDetector detector(ranges_of(expected, 2500));
  EXPECT_LE(mean_blocks(detector, {0.2, 0.3, 0.3, 0.2}, limit, 50), 6);
  EXPECT_LE(mean_blocks(detector, {0.3, 0.3, 0.25, 0.15}, limit, 50), 20);
}

TEST(DriftDetector, NamesTheCategoryThatMoved) {
  DriftDetector detector(ranges_of({0.5, 0.5, 0.0}, 1000));
  std::mt19937_64 random(0);
  for (int i = 0; i < 5; ++i) detector.update(draw({0.45, 0.45, 0.1}, random));
  EXPECT_EQ(detector.leader(), 2U);
}

TEST(DriftDetector, RecentAddsUpTheLatestBlocks) {
  DriftDetector detector({{0.2, 0.4}, {}});
  for (std::uint64_t i = 0; i < 20; ++i) detector.update(std::array<std::uint64_t, 2>{i, 1});
  EXPECT_EQ(detector.recent(),
            (std::vector<std::uint64_t>{12 + 13 + 14 + 15 + 16 + 17 + 18 + 19, 8}));
}

TEST(DriftDetector, NothingToBetAgainstIsNoEvidence) {
  DriftDetector detector({{0, 1}, {0, 1}});
  EXPECT_FALSE(detector.watches());
  detector.update(std::array<std::uint64_t, 2>{64, 0});
  EXPECT_EQ(detector.evidence(), 0);
}

TEST(DriftDetector, ExtremeBlocksAreEvidenceWithoutOverflow) {
  DriftDetector detector(ranges_of({0.001, 0.999}, 100'000));
  detector.update(std::array<std::uint64_t, 2>{100'000, 0});
  EXPECT_GT(detector.evidence(), 1e300);
  detector.restart();
  EXPECT_EQ(detector.evidence(), 0);
  detector.update(std::array<std::uint64_t, 2>{0, 0});
  EXPECT_EQ(detector.evidence(), 0);
}

}  // namespace
}  // namespace eenet
