#include "decision/exit_policy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "eenet/error.h"

#include "decision/check_numbers.h"
#include "decision/readout.h"
#include "util/bytes.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet {
namespace {

void write_scorer(const Scorer& scorer, ByteWriter& out) {
  out.number(static_cast<std::uint32_t>(scorer.weight.size()));
  out.number(static_cast<std::uint32_t>(scorer.out_weight.size()));
  out.numbers<float>(scorer.weight);
  out.numbers<float>(scorer.bias);
  out.numbers<float>(scorer.out_weight);
  out.number(scorer.out_bias);
}

std::string compute_digest(const ExitPolicy& policy) {
  ByteWriter out;
  const Combiner* const combiner = policy.combiner();
  out.number(static_cast<std::uint32_t>(policy.num_exits()));
  for (const std::size_t features : policy.num_features()) {
    out.number(static_cast<std::uint32_t>(features));
  }
  out.number(static_cast<std::uint8_t>(policy.rule().clamp()));
  out.number(static_cast<std::uint8_t>(combiner != nullptr));
  if (combiner != nullptr) {
    out.numbers(combiner->weight());
    out.numbers(combiner->bias());
  }
  for (const Scorer& scorer : policy.rule().scorers()) write_scorer(scorer, out);
  return sha256_hex(out.bytes());
}

/// For messages: one number where all are the same.
std::string features_in_words(std::span<const std::size_t> num_features) {
  const auto other = [&](std::size_t each) { return each != num_features.front(); };
  const bool same = std::ranges::none_of(num_features, other);
  return cat(num_features.size(), " exits of ", join(same ? num_features.first(1) : num_features),
             " features");
}

/// Every call asks this: nothing is allocated.
bool fits(std::span<const std::size_t> num_features, const Readout& readout) noexcept {
  if (num_features.size() != readout.num_exits()) return false;
  for (std::size_t exit = 0; exit < num_features.size(); ++exit) {
    const std::size_t known = readout.num_features(exit);
    if (known != 0 && known != num_features[exit]) return false;
  }
  return true;
}

}  // namespace

std::vector<std::size_t> count_features(const Readout& readout,
                                        std::span<const std::size_t> given) {
  std::vector<std::size_t> features(readout.num_exits());
  for (std::size_t exit = 0; exit < features.size(); ++exit) {
    features[exit] = readout.num_features(exit);
    if (features[exit] == 0 && exit < given.size()) features[exit] = given[exit];
  }
  return features;
}

ExitPolicy::ExitPolicy(Parts parts)
    : combiner_(std::move(parts.combiner)),
      rule_({std::move(parts.num_features), std::move(parts.scorers), std::move(parts.thresholds),
             parts.clamp}) {
  if (!combiner_) return;
  const std::vector<std::size_t> expected(combiner_->num_exits(),
                                          classification_features(combiner_->num_classes()));
  expect_schedule(
      std::ranges::equal(expected, num_features()),
      cat("combiner: made for ", combiner_->num_exits(), " exits and ", combiner_->num_classes(),
          " classes, the policy has ", features_in_words(num_features())));
}

const std::string& ExitPolicy::digest() const {
  std::call_once(digest_->once, [this] { digest_->text = compute_digest(*this); });
  return digest_->text;
}

ExitPolicy ExitPolicy::with_thresholds(std::vector<double> thresholds) const {
  ExitPolicy policy = *this;
  policy.rule_ = rule_.with_thresholds(std::move(thresholds));
  return policy;
}

void ExitPolicy::check_network(const Readout& readout) const {
  if (!fits(num_features(), readout)) {
    const std::vector<std::size_t> expected = count_features(readout, num_features());
    throw Error(ErrorCode::kInput,
                cat("policy: one for ", features_in_words(num_features()), " came, one for ",
                    features_in_words(expected), " expected"));
  }
  if (combiner_ && !readout.combines()) {
    throw Error(ErrorCode::kInput,
                "policy: a combiner came, none expected: exits of this task are not combined");
  }
}

}  // namespace eenet
