#include "decision/exit_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "eenet/error.h"

#include "util/bytes.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet {
namespace {

void expect(bool condition, const std::string& complaint) {
  if (!condition) throw Error(ErrorCode::kSchedule, complaint);
}

void check_numbers(std::span<const float> values, std::size_t size, const std::string& what) {
  expect(values.size() == size,
         cat(what, ": ", values.size(), " numbers came, ", size, " expected"));
  const bool finite =
      std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  expect(finite, cat(what, ": NaN or infinity came, finite numbers expected"));
}

void check_size(std::size_t num_exits, std::size_t num_classes, const char* what) {
  expect(num_exits >= 1 && num_classes >= 2,
         cat(what, ": ", num_exits, " exits and ", num_classes,
             " classes came, at least 1 exit and 2 classes expected"));
}

void check_scorer(const Scorer& scorer, std::size_t inputs, std::size_t exit) {
  const std::string what = cat("scorer of exit ", exit);
  const std::size_t rows = scorer.hidden() ? scorer.out_weight.size() : 1;
  check_numbers(scorer.weight, rows * inputs, what + ", weight");
  check_numbers(scorer.bias, rows, what + ", bias");
  check_numbers(scorer.out_weight, scorer.out_weight.size(), what + ", out_weight");
  check_numbers({&scorer.out_bias, 1}, 1, what + ", out_bias");
}

void write_scorer(const Scorer& scorer, ByteWriter& out) {
  out.number(static_cast<std::uint32_t>(scorer.weight.size()));
  out.number(static_cast<std::uint32_t>(scorer.out_weight.size()));
  out.numbers<float>(scorer.weight);
  out.numbers<float>(scorer.bias);
  out.numbers<float>(scorer.out_weight);
  out.number(scorer.out_bias);
}

std::string compute_digest(const ExitPolicy::Parts& parts) {
  ByteWriter out;
  out.number(static_cast<std::uint32_t>(parts.num_exits));
  out.number(static_cast<std::uint32_t>(parts.num_classes));
  out.number(static_cast<std::uint8_t>(parts.clamp));
  out.number(static_cast<std::uint8_t>(parts.combiner != nullptr));
  if (parts.combiner) {
    out.numbers(parts.combiner->weight());
    out.numbers(parts.combiner->bias());
  }
  for (const Scorer& scorer : *parts.scorers) write_scorer(scorer, out);
  return sha256_hex(out.bytes());
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
      expect(weight_[exit * num_exits + later] == 0,
             cat("combiner, weight[", exit, ", ", later, "]: ", weight_[exit * num_exits + later],
                 " came, 0 expected: exit ", later, " has not run yet at exit ", exit));
    }
  }
}

ExitPolicy::ExitPolicy(Parts parts) : parts_(std::move(parts)) {
  const std::size_t exits = parts_.num_exits;
  check_size(exits, parts_.num_classes, "exit policy");
  if (!parts_.scorers) {
    parts_.scorers = std::make_shared<const std::vector<Scorer>>(exits - 1);
  }
  expect(parts_.thresholds.size() == exits,
         cat("thresholds: ", parts_.thresholds.size(), " came, one for each of the ", exits,
             " exits expected"));
  expect(parts_.scorers->size() == exits - 1,
         cat("scorers: ", parts_.scorers->size(), " came, ", exits - 1,
             " expected, for every exit but the last"));
  for (std::size_t exit = 0; exit < exits; ++exit) {
    expect(!std::isnan(parts_.thresholds[exit]),
           cat("threshold of exit ", exit, ": NaN came, a number expected"));
    if (exit + 1 == exits) continue;
    const Scorer& scorer = (*parts_.scorers)[exit];
    const bool absent = disabled(exit) && scorer.weight.empty();
    if (!absent) check_scorer(scorer, num_features(parts_.num_classes) + exit, exit);
  }
  if (parts_.combiner) {
    expect(parts_.combiner->num_exits() == exits &&
               parts_.combiner->num_classes() == parts_.num_classes,
           cat("combiner: made for ", parts_.combiner->num_exits(), " exits and ",
               parts_.combiner->num_classes(), " classes, the policy has ", exits, " and ",
               parts_.num_classes));
  }
}

bool ExitPolicy::disabled(std::size_t exit) const noexcept {
  return parts_.thresholds[exit] == std::numeric_limits<double>::infinity();
}

const std::string& ExitPolicy::digest() const {
  std::call_once(digest_->once, [this] { digest_->text = compute_digest(parts_); });
  return digest_->text;
}

ExitPolicy ExitPolicy::with_thresholds(std::vector<double> thresholds) const {
  Parts parts = parts_;
  parts.thresholds = std::move(thresholds);
  ExitPolicy policy(std::move(parts));
  policy.digest_ = digest_;
  return policy;
}

void ExitPolicy::check_network(std::size_t num_exits, std::size_t num_classes) const {
  if (parts_.num_exits == num_exits && parts_.num_classes == num_classes) return;
  throw Error(ErrorCode::kInput,
              cat("policy: one for ", parts_.num_exits, " exits and ", parts_.num_classes,
                  " classes came, one for ", num_exits, " and ", num_classes, " expected"));
}

}  // namespace eenet
