#include "decision/exit_policy.h"

#include <string>
#include <utility>

#include "eenet/error.h"

#include "decision/check_numbers.h"
#include "util/bytes.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet {
namespace {

void check_size(std::size_t num_exits, std::size_t num_classes, const char* what) {
  expect_schedule(num_exits >= 1 && num_classes >= 2,
                  cat(what, ": ", num_exits, " exits and ", num_classes,
                      " classes came, at least 1 exit and 2 classes expected"));
}

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
  out.number(static_cast<std::uint32_t>(policy.num_classes()));
  out.number(static_cast<std::uint8_t>(policy.rule().clamp()));
  out.number(static_cast<std::uint8_t>(combiner != nullptr));
  if (combiner != nullptr) {
    out.numbers(combiner->weight());
    out.numbers(combiner->bias());
  }
  for (const Scorer& scorer : policy.rule().scorers()) write_scorer(scorer, out);
  return sha256_hex(out.bytes());
}

ExitRule make_rule(ExitPolicy::Parts&& parts) {
  check_size(parts.num_exits, parts.num_classes, "exit policy");
  return ExitRule({std::vector<std::size_t>(parts.num_exits, num_features(parts.num_classes)),
                   std::move(parts.scorers), std::move(parts.thresholds), parts.clamp});
}

}  // namespace

Combiner::Combiner(std::size_t num_exits, std::size_t num_classes, std::vector<float> weight,
                   std::vector<float> bias)
    : num_exits_(num_exits),
      num_classes_(num_classes),
      weight_(std::move(weight)),
      bias_(std::move(bias)) {
  check_size(num_exits, num_classes, "combiner");
  check_numbers(weight_, num_exits * num_exits, "combiner, weight");
  check_numbers(bias_, num_exits * num_classes, "combiner, bias");
  for (std::size_t exit = 0; exit < num_exits; ++exit) {
    for (std::size_t later = exit + 1; later < num_exits; ++later) {
      expect_schedule(
          weight_[exit * num_exits + later] == 0,
          cat("combiner, weight[", exit, ", ", later, "]: ", weight_[exit * num_exits + later],
              " came, 0 expected: exit ", later, " has not run yet at exit ", exit));
    }
  }
}

ExitPolicy::ExitPolicy(Parts parts)
    : num_classes_(parts.num_classes),
      combiner_(std::move(parts.combiner)),
      rule_(make_rule(std::move(parts))) {
  if (!combiner_) return;
  expect_schedule(
      combiner_->num_exits() == num_exits() && combiner_->num_classes() == num_classes_,
      cat("combiner: made for ", combiner_->num_exits(), " exits and ", combiner_->num_classes(),
          " classes, the policy has ", num_exits(), " and ", num_classes_));
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

void ExitPolicy::check_network(std::size_t num_exits, std::size_t num_classes) const {
  if (this->num_exits() == num_exits && num_classes_ == num_classes) return;
  throw Error(ErrorCode::kInput,
              cat("policy: one for ", this->num_exits(), " exits and ", num_classes_,
                  " classes came, one for ", num_exits, " and ", num_classes, " expected"));
}

}  // namespace eenet
