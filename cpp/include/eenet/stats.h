#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace eenet {

/// Counts of values in buckets whose width grows with the value, so that every quantile is known
/// to 1.6 %. Lock-free.
class LatencyHistogram {
 public:
  void record(std::uint64_t nanoseconds) noexcept;
  void reset() noexcept;

  std::uint64_t count() const noexcept;
  /// Milliseconds; 0 without records.
  double mean_ms() const noexcept;
  /// The latency that a share `quantile` in (0, 1] of the records does not exceed; 0 without
  /// records.
  double quantile_ms(double quantile) const noexcept;

 private:
  static constexpr unsigned kSubBits = 5;  // 32 buckets an octave: half a bucket is 1.6 %.
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static std::size_t bucket(std::uint64_t nanoseconds) noexcept;
  static double midpoint(std::size_t bucket) noexcept;

  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
};

/// What a Runtime has done since it was loaded or reset.
struct Stats {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> exits;  ///< Samples that left at each exit.
  std::optional<double> mean_cost;   ///< By the cost table in force; none without one or samples.
  std::optional<double> mean_latency_ms;
  std::optional<double> p50_ms;
  std::optional<double> p90_ms;
  std::optional<double> p99_ms;
};

/// Collects Stats from any number of threads without a lock. A summary taken while others record
/// may miss their latest samples.
class StatsRecorder {
 public:
  explicit StatsRecorder(std::size_t num_exits) : exits_(num_exits) {}

  void record(std::size_t exit, double latency_ms) noexcept;
  void reset() noexcept;

  /// @param costs Cost of each exit; empty: unknown.
  Stats summary(const std::vector<double>& costs) const;

 private:
  std::vector<std::atomic<std::uint64_t>> exits_;
  LatencyHistogram latencies_;
};

}  // namespace eenet
