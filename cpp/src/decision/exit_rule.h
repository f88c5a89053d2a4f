#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// Confidence score of one exit: w.f + b, or out_weight.relu(W f + b) + out_bias.
struct Scorer {
  std::vector<float> weight;      ///< (1, D) linear, (H, D) hidden; D = F_k + k.
  std::vector<float> bias;        ///< (1) or (H).
  std::vector<float> out_weight;  ///< (H) if hidden, else empty.
  float out_bias = 0.0F;

  bool hidden() const noexcept { return !out_weight.empty(); }
};

/// Of an exit.
inline constexpr std::size_t kMostFeatures = std::size_t{1} << 24U;

/// Whether a sample leaves, by the features of an exit and the scores of those before it. It knows
/// nothing of what the network answers: that is a Readout's. There is one code path for every
/// policy, and no names. See docs/spec/decision-core.md.
///
/// Immutable.
class ExitRule {
 public:
  struct Parts {
    /// F_k: numbers of features of each of the K exits, before the scores of earlier exits.
    std::vector<std::size_t> num_features;
    /// K-1, for every exit but the last; one may be empty where the exit is disabled. Null: all
    /// are.
    std::shared_ptr<const std::vector<Scorer>> scorers;
    /// K. Exit k accepts a score >= t_k; +inf disables it. The last is ignored.
    std::vector<double> thresholds;
    bool clamp = false;  ///< Clamp scores to [0, 1].
  };

  struct Step {
    float score = 0.0F;   ///< As emitted: clamped where the rule says so, 0 at a disabled exit.
    bool accept = false;  ///< Whether the sample leaves here.
  };

  /// @throws Error(kSchedule) if a size is wrong, a weight is not finite or a threshold is NaN.
  explicit ExitRule(Parts parts);

  std::size_t num_exits() const noexcept { return parts_.num_features.size(); }
  std::span<const std::size_t> num_features() const noexcept { return parts_.num_features; }
  const std::vector<Scorer>& scorers() const noexcept { return *parts_.scorers; }
  std::span<const double> thresholds() const noexcept { return parts_.thresholds; }
  bool clamp() const noexcept { return parts_.clamp; }
  /// Whether exit k never accepts and emits the score 0.
  bool disabled(std::size_t exit) const noexcept;

  /// @param inputs The features of the exit, and the scores of those before it, as emitted.
  Step decide(std::size_t exit, std::span<const float> inputs) const noexcept;

  /// The same rule with other thresholds.
  /// @throws Error(kSchedule) as the constructor.
  ExitRule with_thresholds(std::vector<double> thresholds) const;

 private:
  float score(std::size_t exit, std::span<const float> inputs) const noexcept;

  Parts parts_;
};

}  // namespace eenet
