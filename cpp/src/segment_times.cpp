#include "eenet/segment_times.h"

#include <algorithm>

namespace eenet {

void SegmentTimes::record(std::size_t segment, double milliseconds) noexcept {
  Segment& its = segments_[segment];
  const std::uint64_t before = its.count.fetch_add(1, std::memory_order_relaxed);
  its.recent[before % kWindow].store(static_cast<float>(milliseconds), std::memory_order_relaxed);
  // With few records each of them counts.
  if (before < kEvery || (before + 1) % kEvery == 0) {
    renew(its, static_cast<std::size_t>(std::min<std::uint64_t>(before + 1, kWindow)));
  }
}

void SegmentTimes::renew(Segment& segment, std::size_t records) noexcept {
  std::array<float, kWindow> sorted{};
  for (std::size_t i = 0; i < records; ++i) {
    sorted[i] = segment.recent[i].load(std::memory_order_relaxed);
  }
  // The smallest record that at least 95 % do not exceed.
  const std::size_t rank = (95 * records + 99) / 100 - 1;
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(records));
  segment.p95.store(*at, std::memory_order_relaxed);
}

}  // namespace eenet
