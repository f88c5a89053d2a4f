#include "decision/exit_state.h"

#include <algorithm>
#include <utility>

namespace eenet {
namespace {

/// Of the exit that has the most; each exit has the scores of those before it besides.
std::size_t most_inputs(const Readout& readout, std::size_t num_exits) {
  std::size_t most = 0;
  for (std::size_t exit = 0; exit < num_exits; ++exit) {
    most = std::max(most, readout.num_features(exit) + exit);
  }
  return most;
}

}  // namespace

ExitState::ExitState(std::size_t num_exits, std::unique_ptr<Readout> readout)
    : readout_(std::move(readout)),
      inputs_(most_inputs(*readout_, num_exits)),
      scores_(num_exits) {}

void ExitState::begin(const ExitPolicy* policy) noexcept {
  policy_ = policy;
  readout_->begin(policy);
}

ExitState::Step ExitState::step(std::size_t exit, ExitOutput output) {
  const std::size_t features = readout_->num_features(exit);
  readout_->read(exit, output, {inputs_.data(), features});
  last_ = exit;
  if (policy_ == nullptr) return {0.0F, exit + 1 == scores_.size()};
  std::copy_n(scores_.begin(), exit, inputs_.begin() + static_cast<std::ptrdiff_t>(features));
  const Step step = policy_->rule().decide(exit, {inputs_.data(), features + exit});
  scores_[exit] = step.score;
  return step;
}

void ExitState::restore(std::span<const float> scores, ByteReader& in, std::span<float> outputs) {
  readout_->restore(scores.size(), in, outputs);
  std::ranges::copy(scores, scores_.begin());
}

}  // namespace eenet
