#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// Merges the logits of exits 0..k into the answer of exit k: z_k = sum_j w_kj log_softmax_j + b_k.
///
/// Immutable.
class Combiner {
 public:
  /// @param weight (K, K) row-major, zero above the diagonal.
  /// @param bias (K, C) row-major.
  /// @throws Error(kSchedule) for a wrong size, a number that is not finite, or a weight of an
  ///   exit that has not run yet.
  Combiner(std::size_t num_exits, std::size_t num_classes, std::vector<float> weight,
           std::vector<float> bias);

  std::size_t num_exits() const noexcept { return num_exits_; }
  std::size_t num_classes() const noexcept { return num_classes_; }
  std::span<const float> weight() const noexcept { return weight_; }
  std::span<const float> bias() const noexcept { return bias_; }
  std::span<const float> weight(std::size_t exit) const noexcept {
    return {weight_.data() + exit * num_exits_, exit + 1};
  }
  std::span<const float> bias(std::size_t exit) const noexcept {
    return {bias_.data() + exit * num_classes_, num_classes_};
  }

 private:
  std::size_t num_exits_;
  std::size_t num_classes_;
  std::vector<float> weight_;
  std::vector<float> bias_;
};

/// Confidence score of one exit: w.f + b, or out_weight.relu(W f + b) + out_bias.
struct Scorer {
  std::vector<float> weight;      ///< (1, D) linear, (H, D) hidden; D = C + 4 + k.
  std::vector<float> bias;        ///< (1) or (H).
  std::vector<float> out_weight;  ///< (H) if hidden, else empty.
  float out_bias = 0.0F;

  bool hidden() const noexcept { return !out_weight.empty(); }
};

/// Number of confidence features of exit k before the earlier scores: p (C), max, certainty, vote,
/// margin.
constexpr std::size_t num_features(std::size_t num_classes) {
  return num_classes + 4;
}

/// When to stop: a combiner, a scorer and a threshold per exit. Feature spec 1, see
/// docs/spec/decision-core.md. There is one code path for every policy, and no names.
///
/// Immutable; share it freely between threads.
class ExitPolicy {
 public:
  struct Parts {
    std::size_t num_exits = 0;
    std::size_t num_classes = 0;
    std::shared_ptr<const Combiner> combiner;  ///< Null: every exit answers alone.
    /// K-1, for every exit but the last; one may be empty where the exit is disabled. Null: all
    /// are.
    std::shared_ptr<const std::vector<Scorer>> scorers;
    /// K. Exit k accepts a score >= t_k; +inf disables it. The last is ignored.
    std::vector<double> thresholds;
    bool clamp = false;  ///< Clamp scores to [0, 1].
  };

  /// @throws Error(kSchedule) if a size is wrong, a weight is not finite or a threshold is NaN.
  explicit ExitPolicy(Parts parts);

  std::size_t num_exits() const noexcept { return parts_.num_exits; }
  std::size_t num_classes() const noexcept { return parts_.num_classes; }
  const Combiner* combiner() const noexcept { return parts_.combiner.get(); }
  const std::vector<Scorer>& scorers() const noexcept { return *parts_.scorers; }
  std::span<const double> thresholds() const noexcept { return parts_.thresholds; }
  bool clamp() const noexcept { return parts_.clamp; }
  /// Whether exit k never accepts and emits the score 0.
  bool disabled(std::size_t exit) const noexcept;
  /// SHA-256 of combiner, scorers and clamp, whatever the thresholds; lower-case hex. By it another
  /// machine finds the same rule; docs/spec/handoff.md defines it. Computed when it is first asked
  /// for.
  const std::string& digest() const;
  /// The same rule with other thresholds.
  /// @throws Error(kSchedule) as the constructor.
  ExitPolicy with_thresholds(std::vector<double> thresholds) const;
  /// @throws Error(kInput) unless the policy is made for a network of this size.
  void check_network(std::size_t num_exits, std::size_t num_classes) const;

 private:
  struct Digest {
    std::once_flag once;
    std::string text;
  };

  Parts parts_;
  std::shared_ptr<Digest> digest_ = std::make_shared<Digest>();  // Copies have the same.
};

}  // namespace eenet
