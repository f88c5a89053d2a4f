#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "watch/share_range.h"

namespace eenet {

/// Notices that the shares of categories have left their ranges: an e-detector of the
/// Shiryaev-Roberts kind (Shin, Ramdas and Rinaldo, 2024).
///
/// Every category bets, against each border of its range, that its share lies at some places
/// beyond: after a block of samples, M becomes (M + 1) times the likelihood ratio of place and
/// border. The ratio of one sample has a mean of at most 1 wherever the share lies inside, so at
/// any time the mean of M is at most the number of blocks so far; so it is for the mean of all
/// bets, the evidence. The evidence of unchanged shares therefore reaches c after c blocks on
/// average or later.
///
/// Not thread-safe.
class DriftDetector {
 public:
  /// Blocks whose counts recent() adds up.
  static constexpr std::size_t kRecentBlocks = 8;

  /// @param ranges Of the shares of all categories; nothing is bet against 0 and 1.
  explicit DriftDetector(std::vector<ShareRange> ranges);

  /// Whether there is anything to bet against.
  bool watches() const noexcept { return !bets_.empty(); }
  const ShareRange& range(std::size_t category) const noexcept { return ranges_[category]; }

  /// Takes the samples of a block in each category. A block without samples changes nothing.
  void update(std::span<const std::uint64_t> counts) noexcept;

  double evidence() const noexcept;
  /// The category whose bets have the most evidence.
  std::size_t leader() const;
  /// Samples of the latest blocks in each category.
  std::vector<std::uint64_t> recent() const;
  void restart() noexcept;

 private:
  struct Bet {
    std::size_t category = 0;
    double log_hit = 0;   // Logarithm of the likelihood ratio of a sample in the category ...
    double log_miss = 0;  // ... and of one that is not.
    double evidence = 0;
  };

  void add_bets(std::size_t category, double border, bool above);

  std::vector<ShareRange> ranges_;
  std::vector<Bet> bets_;
  std::vector<std::uint64_t> recent_;  // (kRecentBlocks, categories): a ring.
  std::size_t blocks_ = 0;
};

}  // namespace eenet
