#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// How long each segment took of late, for one sample at a time: what deadlines are kept by.
///
/// Thread-safe and lock-free. Looks back over the last 256 records of a segment, so that a device
/// that slows down is noticed within some dozens of samples.
class SegmentTimes {
 public:
  explicit SegmentTimes(std::size_t num_segments) : segments_(num_segments) {}

  void record(std::size_t segment, double milliseconds) noexcept;

  /// The time that 95 % of the recent runs did not exceed, as of the last 32nd record; 0 before the
  /// first.
  double p95_ms(std::size_t segment) const noexcept {
    return static_cast<double>(segments_[segment].p95.load(std::memory_order_relaxed));
  }

 private:
  static constexpr std::size_t kWindow = 256;
  static constexpr std::uint64_t kEvery = 32;  // Sorting is too dear for every record.

  struct Segment {
    std::array<std::atomic<float>, kWindow> recent{};
    std::atomic<std::uint64_t> count{0};
    std::atomic<float> p95{0};
  };

  static void renew(Segment& segment, std::size_t records) noexcept;

  std::vector<Segment> segments_;
};

}  // namespace eenet
