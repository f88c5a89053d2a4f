#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "eenet/export.h"
#include "eenet/result.h"

namespace EENET_API eenet {

/// Times of one kind; none without records.
struct LatencySummary {
  std::uint64_t count = 0;
  std::optional<double> mean_ms;
  std::optional<double> p50_ms;
  std::optional<double> p90_ms;
  std::optional<double> p99_ms;
};

/// What a Runtime has done since it was loaded or reset.
struct Stats {
  std::uint64_t count = 0;  ///< Samples that left here; those handed on are in `stops` alone.
  std::vector<std::uint64_t> exits;                 ///< Samples that left at each exit here.
  std::array<std::uint64_t, kStopReasons> stops{};  ///< Samples by StopReason.
  std::optional<double> mean_cost;  ///< By the cost table in force; none without one or samples.
  LatencySummary latency;           ///< Of samples that left here.
  /// Per sample in each segment, its exit head and the decision included; in a batch, an equal part
  /// of its time.
  std::vector<LatencySummary> segments;
};

}  // namespace eenet
