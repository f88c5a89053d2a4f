#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "eenet/result.h"
#include "eenet/stats.h"

namespace eenet {

/// Counts of values in buckets whose width grows with the value, so that every quantile is known
/// to 1.6 %. Lock-free.
class LatencyHistogram {
 public:
  /// @param times How often the value is to count.
  void record(std::uint64_t nanoseconds, std::uint64_t times = 1) noexcept;
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

/// Collects Stats from any number of threads without a lock. A summary taken while others record
/// may miss their latest samples.
class StatsRecorder {
 public:
  explicit StatsRecorder(std::size_t num_exits) : exits_(num_exits), segments_(num_exits) {}

  void record(std::size_t exit, StopReason reason, double latency_ms) noexcept;
  /// Books what a sample cost more than its exit does; less if negative.
  void record_cost(double difference) noexcept { cost_.fetch_add(difference); }
  /// @param samples That were computed together.
  /// @param milliseconds Of all of them.
  void record_segment(std::size_t segment, std::size_t samples, double milliseconds) noexcept;
  void reset() noexcept;

  /// @param costs Cost of each exit; empty: unknown.
  Stats summary(const std::vector<double>& costs) const;

 private:
  std::vector<std::atomic<std::uint64_t>> exits_;
  std::array<std::atomic<std::uint64_t>, kStopReasons> stops_{};
  std::atomic<double> cost_{0};
  LatencyHistogram latencies_;
  std::vector<LatencyHistogram> segments_;
};

}  // namespace eenet
