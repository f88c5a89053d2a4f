#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// Classification: merges the logits of exits 0..k into the answer of exit k: z_k = sum_j w_kj
/// log_softmax_j + b_k.
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

/// F_k of feature spec 1, the same for every exit: p (C), max, certainty, vote, margin.
constexpr std::size_t classification_features(std::size_t num_classes) {
  return num_classes + 4;
}

}  // namespace eenet
