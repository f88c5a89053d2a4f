#include "watch/detector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace eenet {
namespace {

// Where the share is bet to lie: its odds are so many times those of the border, or their part.
constexpr std::array kOddsRatios = {1.25, 1.7, 2.8, 6.0};

}  // namespace

DriftDetector::DriftDetector(std::vector<ShareRange> ranges)
    : ranges_(std::move(ranges)), recent_(kRecentBlocks * ranges_.size()) {
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].high < 1) add_bets(i, ranges_[i].high, true);
    if (ranges_[i].low > 0) add_bets(i, ranges_[i].low, false);
  }
}

void DriftDetector::add_bets(std::size_t category, double border, bool above) {
  for (const double ratio : kOddsRatios) {
    const double odds = border / (1 - border) * (above ? ratio : 1 / ratio);
    // place / border and (1 - place) / (1 - border), with place = odds / (1 + odds).
    const double log_miss = -std::log1p(odds) - std::log1p(-border);
    bets_.push_back({category, std::log(odds / border) - std::log1p(odds), log_miss, 0});
  }
}

void DriftDetector::update(std::span<const std::uint64_t> counts) noexcept {
  const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (total == 0) return;
  for (Bet& bet : bets_) {
    const auto hits = static_cast<double>(counts[bet.category]);
    const double misses = static_cast<double>(total) - hits;
    bet.evidence = (bet.evidence + 1) * std::exp(hits * bet.log_hit + misses * bet.log_miss);
  }
  const std::size_t place = blocks_++ % kRecentBlocks * counts.size();
  std::copy(counts.begin(), counts.end(), recent_.begin() + static_cast<std::ptrdiff_t>(place));
}

double DriftDetector::evidence() const noexcept {
  double sum = 0;
  for (const Bet& bet : bets_) sum += bet.evidence;
  return bets_.empty() ? 0 : sum / static_cast<double>(bets_.size());
}

std::size_t DriftDetector::leader() const {
  std::vector<double> sums(ranges_.size());
  for (const Bet& bet : bets_) sums[bet.category] += bet.evidence;
  return static_cast<std::size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
}

std::vector<std::uint64_t> DriftDetector::recent() const {
  std::vector<std::uint64_t> sums(ranges_.size());
  for (std::size_t i = 0; i < recent_.size(); ++i) sums[i % sums.size()] += recent_[i];
  return sums;
}

void DriftDetector::restart() noexcept {
  for (Bet& bet : bets_) bet.evidence = 0;
}

}  // namespace eenet
