#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "decision/exit_policy.h"

namespace eenet {

/// The decision core for one sample: combine, features, score, accept.
///
/// Fitting, replay and the runner all go through this class. Allocates in the constructor only.
/// Not thread-safe.
class ExitState {
 public:
  struct Step {
    float score = 0.0F;   ///< As emitted: clamped where the policy says so, 0 at a disabled exit.
    bool accept = false;  ///< Whether the sample leaves here.
  };

  ExitState(std::size_t num_exits, std::size_t num_classes);

  /// Starts a sample. The policy must outlive the sample and fit this state's K and C.
  /// @param policy Null: full depth; the last exit answers alone and other exits need no step.
  void begin(const ExitPolicy* policy) noexcept { policy_ = policy; }

  /// Takes the logits of exit k. With a policy, call it for k = 0, 1, ... in order.
  /// @param logits C numbers; not kept.
  /// @throws Error(kNonFinite) if one of them is NaN or infinite.
  Step step(std::size_t exit, std::span<const float> logits);

  /// Puts exit k where step() left it on another machine: the next step() does what it would have
  /// done there, to the bit. With a policy only; call it for k = 0, 1, ... in order.
  /// @param logits C finite numbers; not kept.
  /// @param label Below C, as label() was. @param score As step() returned it.
  void restore(std::size_t exit, std::span<const float> logits, std::size_t label, float score);

  /// Class that the exit of the last step answers; the lowest one among equals.
  std::size_t label() const noexcept { return label_; }
  /// Its probabilities (C). Valid until the next step.
  std::span<const float> probabilities() const noexcept { return {features_.data(), num_classes_}; }
  /// Scores of the exits stepped so far, as emitted, `exit` being the last of them. With a policy
  /// only. Valid until the next step.
  std::span<const float> scores(std::size_t exit) const noexcept {
    return {features_.data() + num_features(num_classes_), exit + 1};
  }
  /// Classes that the exits stepped so far answer, `exit` being the last of them. With a policy
  /// only.
  std::span<const std::size_t> labels(std::size_t exit) const noexcept {
    return {labels_.data(), exit + 1};
  }
  /// Features of the exit of the last step: p (C), max, 1 + sum p ln p / ln C, vote, margin.
  /// With a policy only. Valid until the next step.
  std::span<const float> features() const noexcept {
    return {features_.data(), num_features(num_classes_)};
  }

 private:
  void keep(std::size_t exit, std::span<const float> logits);
  void combine(std::size_t exit, std::span<const float> logits);
  void softmax();
  float vote(std::size_t exit);
  float score(std::size_t exit) const;

  std::size_t num_classes_;
  double log_classes_;
  const ExitPolicy* policy_ = nullptr;
  std::vector<float> logits_;        // (K, C): what later exits combine.
  std::vector<double> combined_;     // (C): z_k up to a constant, which softmax ignores.
  std::vector<float> features_;      // Features of the last step, then q_0 .. q_{K-1}.
  std::vector<std::size_t> labels_;  // Answers of exits 0 .. k.
  std::size_t label_ = 0;
  std::size_t largest_vote_ = 0;  // Of exits 0 .. k-1.
};

}  // namespace eenet
