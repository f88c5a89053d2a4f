#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// When samples leave: scorers, combiner and thresholds. Opaque here.
class ExitPolicy;

/// How the scores of the calibration samples that reached each exit were distributed. Bin b holds
/// the scores from edge b - 1 up to, but without, edge b.
struct ScoreBins {
  std::size_t count = 0;       ///< B, of each exit.
  std::vector<float> edges;    ///< (K-1, B-1), non-decreasing; bins between equal edges are empty.
  std::vector<double> shares;  ///< (K-1, B); 0 throughout at an exit that emits no scores.

  std::span<const float> edges_at(std::size_t exit) const noexcept {
    return std::span(edges).subspan(exit * (count - 1), count - 1);
  }
  std::span<const double> shares_at(std::size_t exit) const noexcept {
    return std::span(shares).subspan(exit * count, count);
  }
};

/// An exit policy fitted for one budget, and how it was fitted. Immutable.
struct Schedule {
  std::string policy;         ///< Name of the fitted policy: information only.
  double budget = 0;          ///< Mean cost per sample asked for.
  std::string unit;           ///< `ms`, `flops` or `params`.
  std::vector<double> costs;  ///< Of the K exits, as fitted for.
  double margin = 0;          ///< Held back of the budget for the size of the calibration sample.
  std::int64_t calibration_samples = 0;
  std::vector<double> calibration_shares;  ///< Of samples leaving at each exit; K.
  std::optional<ScoreBins> score_bins;     ///< None: the file does not say.
  /// Share of the calibration samples leaving at each exit that the last exit answers alike; K, or
  /// empty if the file does not say. 1 where no sample left.
  std::vector<double> agreement;
  std::shared_ptr<const ExitPolicy> exit_policy;
};

}  // namespace eenet
