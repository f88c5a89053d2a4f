#include "decision/readout/regression.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "eenet/error.h"
#include "eenet/result.h"

#include "util/bytes.h"
#include "util/finite.h"
#include "util/text.h"

namespace eenet {
namespace {

double size_of(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

double distance(std::span<const float> one, std::span<const float> other) {
  double sum = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double difference = static_cast<double>(one[i]) - static_cast<double>(other[i]);
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace

Regression::Regression(std::size_t num_values, std::vector<std::size_t> hidden, double error_scale)
    : hidden_(std::move(hidden)), error_scale_(error_scale), values_(num_values) {}

std::size_t Regression::num_features(std::size_t exit) const noexcept {
  return hidden_[exit] == 0 ? 0 : hidden_[exit] + 2;
}

void Regression::read(std::size_t exit, ExitOutput output, std::span<float> features) {
  const std::span<const float> values = output[0].values;
  const std::span<const float> hidden = output[1].values;
  if (!all_finite(values) || !all_finite(hidden)) {
    throw Error(ErrorCode::kNonFinite,
                cat("exit ", exit, ": NaN or infinite values came, finite ones expected"));
  }
  if (policy_ != nullptr) {
    const double correction = exit == 0 ? 0 : distance(values, values_);
    // A correction may be larger than what it makes: its share is all of it then, not infinite.
    const double whole = std::max(size_of(values), correction);
    std::ranges::copy(hidden, features.begin());
    features[hidden.size()] = static_cast<float>(correction);
    features[hidden.size() + 1] = static_cast<float>(whole == 0 ? 0 : correction / whole);
  }
  std::ranges::copy(values, values_.begin());
}

void Regression::save(std::size_t /*passed*/, std::span<const float> /*outputs*/,
                      ByteWriter& out) const {
  // At full depth nobody looks at the exits on the way.
  if (policy_ != nullptr) out.numbers<float>(values_);
}

void Regression::restore(std::size_t /*passed*/, ByteReader& in, std::span<float> /*outputs*/) {
  if (policy_ == nullptr) return;
  values_ = in.numbers<float>(values_.size(), "values");
  if (!all_finite(values_)) in.fail("values: NaN or infinity came, finite numbers expected");
}

Answers Regression::make_answers(std::size_t samples, Detail /*detail*/) const {
  Answers answers;
  answers.num_values = values_.size();
  answers.values.resize(samples * values_.size());
  return answers;
}

void Regression::put_answer(std::size_t sample, Answers& answers) const {
  std::ranges::copy(values_, answers.values.data() + sample * values_.size());
}

bool Regression::agrees(std::size_t sample, const Answers& answers) const {
  const std::span<const float> other =
      std::span(answers.values).subspan(sample * values_.size(), values_.size());
  return distance(values_, other) <= error_scale_ / 2;
}

std::string Regression::feature_name(std::size_t exit, std::size_t feature,
                                     std::span<const std::string> /*class_names*/) const {
  if (feature < hidden_[exit]) return cat("hidden[", feature, "]");
  return feature == hidden_[exit] ? "correction" : "share of the correction";
}

}  // namespace eenet
