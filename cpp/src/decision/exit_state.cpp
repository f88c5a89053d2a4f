#include "decision/exit_state.h"

#include <algorithm>
#include <cmath>

#include "eenet/error.h"

#include "util/finite.h"
#include "util/text.h"

namespace eenet {
namespace {

/// Sum of products in double, in four interleaved partial sums: a fixed order, so that the result
/// is the same everywhere, yet four additions are in flight at a time.
double dot(const float* a, const float* b, std::size_t size) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  for (; i < size; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

ExitState::ExitState(std::size_t num_exits, std::size_t num_classes)
    : num_classes_(num_classes),
      log_classes_(std::log(static_cast<double>(num_classes))),
      logits_(num_exits * num_classes),
      combined_(num_classes),
      features_(num_features(num_classes) + num_exits),
      labels_(num_exits) {}

ExitState::Step ExitState::step(std::size_t exit, std::span<const float> logits) {
  if (!all_finite(logits)) {
    throw Error(ErrorCode::kNonFinite,
                cat("exit ", exit, ": NaN or infinite logits came, finite ones expected"));
  }
  combine(exit, logits);
  softmax();
  const bool last = exit + 1 == labels_.size();
  if (policy_ == nullptr) return {0.0F, last};

  features_[num_classes_ + 2] = vote(exit);
  const bool silent = last || policy_->disabled(exit);
  const float emitted = silent ? 0.0F : score(exit);
  features_[num_features(num_classes_) + exit] = emitted;
  // A NaN compares false, so it never accepts.
  const bool accept = !silent && static_cast<double>(emitted) >= policy_->thresholds()[exit];
  return {emitted, last || accept};
}

void ExitState::restore(std::size_t exit, std::span<const float> logits, std::size_t label,
                        float score) {
  keep(exit, logits);
  label_ = label;
  vote(exit);
  features_[num_features(num_classes_) + exit] = score;
}

void ExitState::keep(std::size_t exit, std::span<const float> logits) {
  std::copy(logits.begin(), logits.end(),
            logits_.begin() + static_cast<std::ptrdiff_t>(exit * num_classes_));
}

void ExitState::combine(std::size_t exit, std::span<const float> logits) {
  const Combiner* combiner = policy_ == nullptr ? nullptr : policy_->combiner();
  if (combiner == nullptr) {
    std::copy(logits.begin(), logits.end(), combined_.begin());
    return;
  }
  keep(exit, logits);
  const std::span<const float> bias = combiner->bias(exit);
  std::copy(bias.begin(), bias.end(), combined_.begin());
  const std::span<const float> weight = combiner->weight(exit);
  for (std::size_t j = 0; j < weight.size(); ++j) {
    if (weight[j] == 0) continue;
    // Raw logits in place of their log softmax: the difference is a constant per exit, which
    // neither the softmax nor the argmax of the sum can see. It saves an exponential per class.
    const auto w = static_cast<double>(weight[j]);
    const float* from = logits_.data() + j * num_classes_;
    for (std::size_t c = 0; c < num_classes_; ++c) {
      combined_[c] += w * static_cast<double>(from[c]);
    }
  }
}

void ExitState::softmax() {
  std::size_t first = combined_[1] > combined_[0] ? 1 : 0;
  std::size_t second = 1 - first;
  for (std::size_t c = 2; c < num_classes_; ++c) {
    if (combined_[c] > combined_[second]) {
      second = c;
      if (combined_[c] > combined_[first]) std::swap(first, second);
    }
  }
  // In the same pass, sum e and sum e*d give the entropy without a logarithm per class:
  // sum p ln p = (sum e d) / (sum e) - ln sum e, where p = e / sum e.
  const double top = combined_[first];
  double sum = 0;
  double weighted = 0;
  for (std::size_t c = 0; c < num_classes_; ++c) {
    const double below = combined_[c] - top;
    const float exponential = std::exp(static_cast<float>(below));
    features_[c] = exponential;
    sum += static_cast<double>(exponential);
    weighted += static_cast<double>(exponential) * below;
  }
  const double scale = 1 / sum;
  for (std::size_t c = 0; c < num_classes_; ++c) {
    features_[c] = static_cast<float>(static_cast<double>(features_[c]) * scale);
  }
  label_ = first;
  float* confidence = features_.data() + num_classes_;
  confidence[0] = features_[first];
  confidence[1] = static_cast<float>(1 + (weighted * scale - std::log(sum)) / log_classes_);
  confidence[3] = features_[first] - features_[second];
}

float ExitState::vote(std::size_t exit) {
  labels_[exit] = label_;
  const auto answers = labels_.begin() + static_cast<std::ptrdiff_t>(exit) + 1;
  const auto agreeing = static_cast<std::size_t>(std::count(labels_.begin(), answers, label_));
  // Only the answer just given can have overtaken the largest vote so far.
  largest_vote_ = exit == 0 ? agreeing : std::max(largest_vote_, agreeing);
  return static_cast<float>(static_cast<double>(largest_vote_) / static_cast<double>(exit + 1));
}

float ExitState::score(std::size_t exit) const {
  const Scorer& scorer = policy_->scorers()[exit];
  const std::size_t inputs = num_features(num_classes_) + exit;
  double sum = 0;
  if (!scorer.hidden()) {
    sum = dot(scorer.weight.data(), features_.data(), inputs) +
          static_cast<double>(scorer.bias.front());
  } else {
    sum = static_cast<double>(scorer.out_bias);
    for (std::size_t row = 0; row < scorer.out_weight.size(); ++row) {
      const double unit = dot(scorer.weight.data() + row * inputs, features_.data(), inputs) +
                          static_cast<double>(scorer.bias[row]);
      // Written so that a NaN passes: it must reach the score, which then accepts nothing.
      sum += static_cast<double>(scorer.out_weight[row]) * (unit < 0 ? 0 : unit);
    }
  }
  const auto emitted = static_cast<float>(sum);
  return policy_->clamp() ? std::clamp(emitted, 0.0F, 1.0F) : emitted;
}

}  // namespace eenet
