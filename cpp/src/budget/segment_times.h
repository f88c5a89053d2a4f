#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace eenet {

/// How long each segment took of late, for one sample at a time: what deadlines are kept by.
///
/// Thread-safe and lock-free. Looks back over the last 256 records of a segment, so that a device
/// that slows down is noticed within some dozens of samples. A segment that is not begun makes no
/// records, so an estimate that stands in the way for a while is put to the test: see fits().
class SegmentTimes {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param now Read only where an estimate stands in the way.
  explicit SegmentTimes(std::size_t num_segments, Clock::time_point (*now)() = &Clock::now)
      : now_(now), segments_(num_segments) {}

  void record(std::size_t segment, double milliseconds) noexcept;

  /// The time that 95 % of the recent runs did not exceed, as of the last 32nd record. Of fewer
  /// than 20 records, which have no such quantile, the median; 0 before the first.
  double p95_ms(std::size_t segment) const noexcept {
    return static_cast<double>(segments_[segment].p95.load(std::memory_order_relaxed));
  }

  /// Whether to begin a segment that has so much time: if p95_ms() does not exceed it. Where that
  /// has said no for a quarter of a second, one caller is let through all the same, and its run
  /// begins the records anew. Each time that this confirms the estimate, the next one is twice as
  /// far off, up to a minute.
  bool fits(std::size_t segment, double milliseconds) noexcept;

 private:
  static constexpr std::size_t kWindow = 256;
  static constexpr std::uint64_t kEvery = 32;  // Sorting is too dear for every record.
  static constexpr std::size_t kFewest = 20;   // Of fewer, 5 % are less than one.
  static constexpr std::int64_t kShortestWaitNs = 250'000'000;
  static constexpr std::int64_t kLongestWaitNs = 64'000'000'000;

  struct Segment {
    std::array<std::atomic<float>, kWindow> recent{};
    std::atomic<std::uint64_t> count{0};  // Since the records began.
    std::atomic<float> p95{0};
    std::atomic<float> doubted{0};            // p95 when the records were begun anew.
    std::atomic<std::int64_t> refused_ns{0};  // Since when p95 is in the way; 0: it was not.
    std::atomic<std::int64_t> wait_ns{kShortestWaitNs};
  };

  static void renew(Segment& segment, std::size_t records) noexcept;

  Clock::time_point (*now_)();
  std::vector<Segment> segments_;
};

}  // namespace eenet
