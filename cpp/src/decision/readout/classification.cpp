#include "decision/readout/classification.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "eenet/error.h"
#include "eenet/result.h"

#include "decision/exit_policy.h"
#include "util/bytes.h"
#include "util/finite.h"
#include "util/text.h"

namespace eenet {

Classification::Classification(std::size_t num_exits, std::size_t num_classes)
    : num_classes_(num_classes),
      log_classes_(std::log(static_cast<double>(num_classes))),
      logits_(num_exits * num_classes),
      combined_(num_classes),
      labels_(num_exits) {}

std::size_t Classification::num_features(std::size_t /*exit*/) const noexcept {
  return classification_features(num_classes_);
}

void Classification::read(std::size_t exit, ExitOutput output, std::span<float> features) {
  const std::span<const float> logits = output.front().values;
  if (!all_finite(logits)) {
    throw Error(ErrorCode::kNonFinite,
                cat("exit ", exit, ": NaN or infinite logits came, finite ones expected"));
  }
  combine(exit, logits);
  labels_[exit] = softmax(features);
  last_ = exit;
  probabilities_ = features.first(num_classes_);
  if (policy_ != nullptr) features[num_classes_ + 2] = vote(exit);
}

void Classification::save(std::size_t passed, std::span<const float> outputs,
                          ByteWriter& out) const {
  // At full depth nobody looks at the exits on the way: they have logits, but no answers.
  for (std::size_t exit = 0; exit < passed; ++exit) {
    out.number(static_cast<std::uint32_t>(policy_ == nullptr ? 0 : labels_[exit]));
  }
  out.numbers(outputs);
}

void Classification::restore(std::size_t passed, ByteReader& in, std::span<float> outputs) {
  const auto labels = in.numbers<std::uint32_t>(passed, "labels");
  const auto logits = in.numbers<float>(passed * num_classes_, "logits");
  for (const std::uint32_t label : labels) {
    if (label >= num_classes_) {
      in.fail(cat("labels: ", label, " came, 0 to ", num_classes_ - 1, " expected"));
    }
  }
  if (policy_ != nullptr && !all_finite(logits)) {
    in.fail("logits: NaN or infinity came, finite numbers expected");
  }
  if (!outputs.empty()) std::ranges::copy(logits, outputs.begin());
  for (std::size_t exit = 0; exit < passed; ++exit) {
    keep(exit, std::span(logits).subspan(exit * num_classes_, num_classes_));
    labels_[exit] = labels[exit];
    vote(exit);
  }
}

Answers Classification::make_answers(std::size_t samples, Detail detail) const {
  Answers answers;
  answers.num_classes = num_classes_;
  answers.labels.resize(samples);
  if (detail == Detail::kAll) answers.probabilities.resize(samples * num_classes_);
  return answers;
}

void Classification::put_answer(std::size_t sample, Answers& answers) const {
  answers.labels[sample] = static_cast<std::int64_t>(labels_[last_]);
  if (answers.probabilities.empty()) return;
  std::ranges::copy(probabilities_, answers.probabilities.data() + sample * num_classes_);
}

bool Classification::agrees(std::size_t sample, const Answers& answers) const {
  return static_cast<std::int64_t>(labels_[last_]) == answers.labels[sample];
}

std::string Classification::feature_name(std::size_t /*exit*/, std::size_t feature,
                                         std::span<const std::string> class_names) const {
  constexpr std::array<const char*, 4> kConfidence = {"maximum", "certainty", "vote", "margin"};
  if (feature < num_classes_) return cat("p(", class_names[feature], ")");
  return kConfidence[feature - num_classes_];
}

void Classification::keep(std::size_t exit, std::span<const float> logits) {
  std::ranges::copy(logits, logits_.begin() + static_cast<std::ptrdiff_t>(exit * num_classes_));
}

void Classification::combine(std::size_t exit, std::span<const float> logits) {
  const Combiner* combiner = policy_ == nullptr ? nullptr : policy_->combiner();
  if (combiner == nullptr) {
    std::ranges::copy(logits, combined_.begin());
    return;
  }
  keep(exit, logits);
  std::ranges::copy(combiner->bias(exit), combined_.begin());
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

/// @return The class with the largest probability.
std::size_t Classification::softmax(std::span<float> features) const {
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
    features[c] = exponential;
    sum += static_cast<double>(exponential);
    weighted += static_cast<double>(exponential) * below;
  }
  const double scale = 1 / sum;
  for (std::size_t c = 0; c < num_classes_; ++c) {
    features[c] = static_cast<float>(static_cast<double>(features[c]) * scale);
  }
  const std::span<float> confidence = features.subspan(num_classes_);
  confidence[0] = features[first];
  confidence[1] = static_cast<float>(1 + (weighted * scale - std::log(sum)) / log_classes_);
  confidence[3] = features[first] - features[second];
  return first;
}

float Classification::vote(std::size_t exit) {
  const auto answers = labels_.begin() + static_cast<std::ptrdiff_t>(exit) + 1;
  const auto agreeing =
      static_cast<std::size_t>(std::count(labels_.begin(), answers, labels_[exit]));
  // Only the answer just given can have overtaken the largest vote so far.
  largest_vote_ = exit == 0 ? agreeing : std::max(largest_vote_, agreeing);
  return static_cast<float>(static_cast<double>(largest_vote_) / static_cast<double>(exit + 1));
}

}  // namespace eenet
