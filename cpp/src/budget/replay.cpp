#include "budget/replay.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "eenet/error.h"

#include "budget/controller.h"
#include "decision/exit_state.h"
#include "decision/readout/classification.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

/// F_k of each exit.
std::vector<std::size_t> features_of(const LogitsView& logits) {
  return std::vector(logits.exits, classification_features(logits.classes));
}

/// A policy under which no exit but the last accepts: it only watches.
ExitPolicy watcher(const LogitsView& logits, const Combiner* combiner) {
  ExitPolicy::Parts parts;
  parts.num_features = features_of(logits);
  // Borrowed: the policy does not outlive the call.
  parts.combiner = {std::shared_ptr<const void>(), combiner};
  parts.thresholds.assign(logits.exits, std::numeric_limits<double>::infinity());
  return ExitPolicy(std::move(parts));
}

/// Steps every sample through the exits from `first` on, while `take` wants more.
/// @param policy_of Called before each sample: its policy.
/// @param take Called after each step with (sample, exit, state, step); false ends the sample.
template <typename PolicyOf, typename Take>
  requires std::is_invocable_v<PolicyOf, std::size_t>
void for_each_step(const LogitsView& logits, const PolicyOf& policy_of, std::size_t first,
                   const Take& take) {
  ExitState state(logits.exits, std::make_unique<Classification>(logits.exits, logits.classes));
  for (std::size_t sample = 0; sample < logits.samples; ++sample) {
    state.begin(policy_of(sample));
    in_context([&] { return cat("sample ", sample); },
               [&] {
                 for (std::size_t exit = first; exit < logits.exits; ++exit) {
                   if (!take(sample, exit, state, state.step(exit, logits.at(sample, exit)))) break;
                 }
               });
  }
}

/// As above, under one policy.
template <typename Take>
void for_each_step(const LogitsView& logits, const ExitPolicy* policy, std::size_t first,
                   const Take& take) {
  for_each_step(logits, [policy](std::size_t) { return policy; }, first, take);
}

}  // namespace

void features(const LogitsView& logits, const Combiner* combiner, std::span<float* const> outputs) {
  const ExitPolicy policy = watcher(logits, combiner);
  const std::size_t width = classification_features(logits.classes);
  for_each_step(logits, &policy, 0,
                [&](std::size_t sample, std::size_t exit, const auto& state, auto) {
                  std::ranges::copy(state.features(), outputs[exit] + sample * width);
                  return true;
                });
}

void answers(const LogitsView& logits, const Combiner* combiner, std::int64_t* labels) {
  const ExitPolicy policy = watcher(logits, combiner);
  for_each_step(logits, &policy, 0,
                [&](std::size_t sample, std::size_t exit, const auto& state, auto) {
                  labels[sample * logits.exits + exit] = static_cast<std::int64_t>(state.label());
                  return true;
                });
}

void scores(const LogitsView& logits, const ExitPolicy& policy, float* scores) {
  policy.check_network(features_of(logits));
  for_each_step(logits, &policy, 0,
                [&](std::size_t sample, std::size_t exit, const auto&, auto step) {
                  scores[sample * logits.exits + exit] = step.score;
                  return true;
                });
}

void replay(const LogitsView& logits, const ExitPolicy* policy, std::int64_t* exits,
            std::int64_t* labels, float* scores) {
  if (policy != nullptr) policy->check_network(features_of(logits));
  std::fill_n(scores, logits.samples * logits.exits, std::numeric_limits<float>::quiet_NaN());
  // Without a policy nothing but the last exit has a say.
  const std::size_t first = policy == nullptr ? logits.exits - 1 : 0;
  for_each_step(logits, policy, first,
                [&](std::size_t sample, std::size_t exit, const auto& state, auto step) {
                  if (policy != nullptr) scores[sample * logits.exits + exit] = step.score;
                  exits[sample] = static_cast<std::int64_t>(exit);
                  labels[sample] = static_cast<std::int64_t>(state.label());
                  return !step.accept;
                });
}

double replay_stream(const LogitsView& logits, const BudgetTable& table,
                     const ControllerOptions& options, std::int64_t* exits, std::int64_t* labels,
                     std::int64_t* schedules) {
  if (logits.samples == 0) {
    throw Error(ErrorCode::kInput, "logits: no samples came, at least 1 expected");
  }
  for (std::size_t i = 0; i < table.schedules().size(); ++i) {
    in_context([i] { return cat("schedule ", i); },
               [&] { table.schedules()[i]->exit_policy->check_network(features_of(logits)); });
  }
  Controller controller(table, options);
  std::vector<std::size_t> taken(logits.exits);
  for_each_step(
      logits,
      [&](std::size_t sample) {
        const std::size_t chosen = controller.choose();
        schedules[sample] = static_cast<std::int64_t>(chosen);
        return table.schedules()[chosen]->exit_policy.get();
      },
      0,
      [&](std::size_t sample, std::size_t exit, const auto& state, auto step) {
        if (!step.accept) return true;
        controller.record(exit);
        ++taken[exit];
        exits[sample] = static_cast<std::int64_t>(exit);
        labels[sample] = static_cast<std::int64_t>(state.label());
        return false;
      });
  double spent = 0;
  for (std::size_t exit = 0; exit < logits.exits; ++exit) {
    spent += table.profile()->costs[exit] * static_cast<double>(taken[exit]);
  }
  return spent / static_cast<double>(logits.samples);
}

}  // namespace eenet
