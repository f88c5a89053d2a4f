#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "decision/exit_policy.h"
#include "decision/readout.h"

namespace eenet {

/// The decision core for one sample: a readout, and the rule that its features go through.
///
/// Fitting, replay and the runner all go through this class. Allocates in the constructor only.
/// Not thread-safe.
class ExitState {
 public:
  using Step = ExitRule::Step;

  ExitState(std::size_t num_exits, std::unique_ptr<Readout> readout);

  /// Starts a sample. The policy must outlive the sample and fit the network that the readout is
  /// of.
  /// @param policy Null: full depth; the last exit answers alone and other exits need no step.
  void begin(const ExitPolicy* policy) noexcept;

  /// Takes what exit k puts out. With a policy, call it for k = 0, 1, ... in order.
  /// @param output Not kept.
  /// @throws Error(kNonFinite) if one of the numbers is NaN or infinite.
  Step step(std::size_t exit, ExitOutput output);

  /// Puts the exits passed where step() left them on another machine, as Readout::restore().
  /// @param scores Theirs, as step() returned them.
  void restore(std::span<const float> scores, ByteReader& in, std::span<float> outputs);

  /// For what was answered.
  const Readout& readout() const noexcept { return *readout_; }
  /// Scores of the exits stepped so far, as emitted, `exit` being the last of them. With a policy
  /// only. Valid until the next step.
  std::span<const float> scores(std::size_t exit) const noexcept {
    return {scores_.data(), exit + 1};
  }
  /// Features of the exit of the last step. With a policy only. Valid until the next step.
  std::span<const float> features() const noexcept {
    return {inputs_.data(), readout_->num_features(last_)};
  }

 private:
  const ExitPolicy* policy_ = nullptr;
  std::unique_ptr<Readout> readout_;
  std::vector<float> inputs_;  // Features of the last step, then the scores before it.
  std::vector<float> scores_;  // (K)
  std::size_t last_ = 0;       // The exit of the last step.
};

}  // namespace eenet
