#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "eenet/export.h"

#include "decision/exit_rule.h"

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

/// Number of confidence features of exit k before the earlier scores: p (C), max, certainty, vote,
/// margin.
constexpr std::size_t num_features(std::size_t num_classes) {
  return num_classes + 4;
}

/// When to stop: what a readout merges exits by, and the rule that its features go through. Feature
/// spec 1, see docs/spec/decision-core.md.
///
/// Immutable; share it freely between threads.
class ExitPolicy {
 public:
  struct Parts {
    std::size_t num_exits = 0;
    std::size_t num_classes = 0;
    std::shared_ptr<const Combiner> combiner;            ///< Null: every exit answers alone.
    std::shared_ptr<const std::vector<Scorer>> scorers;  ///< As in ExitRule::Parts.
    std::vector<double> thresholds;                      ///< Likewise.
    bool clamp = false;                                  ///< Likewise.
  };

  /// @throws Error(kSchedule) if a size is wrong, a weight is not finite or a threshold is NaN.
  explicit ExitPolicy(Parts parts);

  std::size_t num_exits() const noexcept { return rule_.num_exits(); }
  std::size_t num_classes() const noexcept { return num_classes_; }
  const Combiner* combiner() const noexcept { return combiner_.get(); }
  const ExitRule& rule() const noexcept { return rule_; }
  std::span<const double> thresholds() const noexcept { return rule_.thresholds(); }
  /// Whether exit k never accepts and emits the score 0.
  bool disabled(std::size_t exit) const noexcept { return rule_.disabled(exit); }
  /// SHA-256 of combiner, scorers and clamp, whatever the thresholds; lower-case hex. By it another
  /// machine finds the same rule; docs/spec/handoff.md defines it. Computed when it is first asked
  /// for.
  const std::string& digest() const;
  /// The same policy with other thresholds.
  /// @throws Error(kSchedule) as the constructor.
  ExitPolicy with_thresholds(std::vector<double> thresholds) const;
  /// @throws Error(kInput) unless the policy is made for a network of this size.
  void check_network(std::size_t num_exits, std::size_t num_classes) const;

 private:
  struct Digest {
    std::once_flag once;
    std::string text;
  };

  std::size_t num_classes_;
  std::shared_ptr<const Combiner> combiner_;
  ExitRule rule_;
  std::shared_ptr<Digest> digest_ = std::make_shared<Digest>();  // Copies have the same.
};

}  // namespace eenet
