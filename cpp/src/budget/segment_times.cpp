#include "budget/segment_times.h"

#include <algorithm>

namespace eenet {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void SegmentTimes::record(std::size_t segment, double milliseconds) noexcept {
  Segment& its = segments_[segment];
  const auto time = static_cast<float>(milliseconds);
  const std::uint64_t before = its.count.fetch_add(1, kRelaxed);
  its.recent[before % kWindow].store(time, kRelaxed);
  // With few records each of them counts.
  if (before < kEvery || (before + 1) % kEvery == 0) {
    renew(its, static_cast<std::size_t>(std::min<std::uint64_t>(before + 1, kWindow)));
  }
  const bool was_a_stall = before == 0 && 2 * time <= its.doubted.load(kRelaxed);
  if (was_a_stall || before + 1 == kWindow) its.wait_ns.store(kShortestWaitNs, kRelaxed);
}

bool SegmentTimes::fits(std::size_t segment, double milliseconds) noexcept {
  if (p95_ms(segment) <= milliseconds) return true;
  if (!(milliseconds > 0)) return false;
  Segment& its = segments_[segment];
  const std::int64_t now = std::chrono::nanoseconds(now_().time_since_epoch()).count();
  std::int64_t since = its.refused_ns.load(kRelaxed);
  if (since == 0) {
    its.refused_ns.compare_exchange_strong(since, now, kRelaxed);
    return false;
  }
  const std::int64_t wait = its.wait_ns.load(kRelaxed);
  // Of several callers one is enough.
  if (now - since < wait || !its.refused_ns.compare_exchange_strong(since, now, kRelaxed)) {
    return false;
  }
  its.wait_ns.store(std::min(2 * wait, kLongestWaitNs), kRelaxed);
  its.doubted.store(its.p95.load(kRelaxed), kRelaxed);
  its.count.store(0, kRelaxed);
  return true;
}

void SegmentTimes::renew(Segment& segment, std::size_t records) noexcept {
  std::array<float, kWindow> sorted{};
  for (std::size_t i = 0; i < records; ++i) sorted[i] = segment.recent[i].load(kRelaxed);
  // The smallest record that at least 95 % do not exceed.
  const std::size_t rank = records < kFewest ? (records - 1) / 2 : (95 * records + 99) / 100 - 1;
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(records));
  segment.p95.store(*at, kRelaxed);
}

}  // namespace eenet
