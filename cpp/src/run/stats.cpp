#include "eenet/stats.h"

#include <bit>
#include <cmath>

#include "run/stats_recorder.h"

namespace eenet {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr double kNsPerMs = 1e6;

LatencySummary summarise(const LatencyHistogram& latencies) {
  LatencySummary out;
  out.count = latencies.count();
  if (out.count == 0) return out;
  out.mean_ms = latencies.mean_ms();
  out.p50_ms = latencies.quantile_ms(0.50);
  out.p90_ms = latencies.quantile_ms(0.90);
  out.p99_ms = latencies.quantile_ms(0.99);
  return out;
}

}  // namespace

std::size_t LatencyHistogram::bucket(std::uint64_t nanoseconds) noexcept {
  // The leading bits of the value, below the octave they are in: values under 2^kSubBits have a
  // bucket each, every octave above is split into 2^kSubBits equal parts.
  const auto width = static_cast<unsigned>(std::bit_width(nanoseconds));
  if (width <= kSubBits) return static_cast<std::size_t>(nanoseconds);
  const unsigned shift = width - kSubBits - 1;
  return static_cast<std::size_t>((std::uint64_t{shift} << kSubBits) + (nanoseconds >> shift));
}

double LatencyHistogram::midpoint(std::size_t bucket) noexcept {
  if (bucket < (std::size_t{2} << kSubBits)) return static_cast<double>(bucket);
  const int shift = static_cast<int>(bucket >> kSubBits) - 1;
  const std::size_t leading = bucket - (static_cast<std::size_t>(shift) << kSubBits);
  return std::ldexp(static_cast<double>(leading) + 0.5, shift);
}

void LatencyHistogram::record(std::uint64_t nanoseconds, std::uint64_t times) noexcept {
  buckets_[bucket(nanoseconds)].fetch_add(times, kRelaxed);
  sum_.fetch_add(nanoseconds * times, kRelaxed);
}

void LatencyHistogram::reset() noexcept {
  for (auto& count : buckets_) count.store(0, kRelaxed);
  sum_.store(0, kRelaxed);
}

std::uint64_t LatencyHistogram::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto& count : buckets_) total += count.load(kRelaxed);
  return total;
}

double LatencyHistogram::mean_ms() const noexcept {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  return static_cast<double>(sum_.load(kRelaxed)) / static_cast<double>(total) / kNsPerMs;
}

double LatencyHistogram::quantile_ms(double quantile) const noexcept {
  const double wanted = quantile * static_cast<double>(count());
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i].load(kRelaxed);
    if (seen > 0 && static_cast<double>(seen) >= wanted) return midpoint(i) / kNsPerMs;
  }
  return 0;
}

void StatsRecorder::record(std::size_t exit, StopReason reason, double latency_ms) noexcept {
  stops_[static_cast<std::size_t>(reason)].fetch_add(1, kRelaxed);
  if (reason == StopReason::kHandedOn) return;
  exits_[exit].fetch_add(1, kRelaxed);
  latencies_.record(static_cast<std::uint64_t>(latency_ms * kNsPerMs));
}

void StatsRecorder::record_segment(std::size_t segment, std::size_t samples,
                                   double milliseconds) noexcept {
  const double each = milliseconds / static_cast<double>(samples);
  segments_[segment].record(static_cast<std::uint64_t>(each * kNsPerMs), samples);
}

void StatsRecorder::reset() noexcept {
  for (auto& count : exits_) count.store(0, kRelaxed);
  for (auto& count : stops_) count.store(0, kRelaxed);
  cost_.store(0, kRelaxed);
  latencies_.reset();
  for (auto& segment : segments_) segment.reset();
}

Stats StatsRecorder::summary(const std::vector<double>& costs) const {
  Stats stats;
  double cost = cost_.load(kRelaxed);
  for (std::size_t exit = 0; exit < exits_.size(); ++exit) {
    const std::uint64_t count = exits_[exit].load(kRelaxed);
    stats.exits.push_back(count);
    stats.count += count;
    if (!costs.empty()) cost += static_cast<double>(count) * costs[exit];
  }
  for (std::size_t i = 0; i < kStopReasons; ++i) stats.stops[i] = stops_[i].load(kRelaxed);
  if (stats.count > 0 && !costs.empty()) stats.mean_cost = cost / static_cast<double>(stats.count);
  stats.latency = summarise(latencies_);
  for (const LatencyHistogram& segment : segments_) stats.segments.push_back(summarise(segment));
  return stats;
}

}  // namespace eenet
