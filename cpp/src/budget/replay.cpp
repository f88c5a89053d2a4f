#include "budget/replay.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "eenet/error.h"

#include "budget/controller.h"
#include "decision/exit_state.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

/// A policy under which no exit but the last accepts: it only watches.
ExitPolicy watcher(const LoggedOutputs& outputs, const Combiner* combiner) {
  ExitPolicy::Parts parts;
  parts.num_features = count_features(*outputs.make_readout(), {});
  // Borrowed: the policy does not outlive the call.
  parts.combiner = {std::shared_ptr<const void>(), combiner};
  parts.thresholds.assign(outputs.num_exits(), std::numeric_limits<double>::infinity());
  ExitPolicy policy(std::move(parts));
  policy.check_network(*outputs.make_readout());
  return policy;
}

/// Steps every sample through the exits from `first` on, while `take` wants more.
/// @param policy_of Called before each sample: its policy.
/// @param take Called after each step with (sample, exit, state, step); false ends the sample.
template <typename PolicyOf, typename Take>
  requires std::is_invocable_v<PolicyOf, std::size_t>
void for_each_step(const LoggedOutputs& outputs, const PolicyOf& policy_of, std::size_t first,
                   const Take& take) {
  ExitState state(outputs.num_exits(), outputs.make_readout());
  std::vector<ExitTensor> room;
  for (std::size_t sample = 0; sample < outputs.samples(); ++sample) {
    state.begin(policy_of(sample));
    in_context([&] { return cat("sample ", sample); },
               [&] {
                 for (std::size_t exit = first; exit < outputs.num_exits(); ++exit) {
                   const auto step = state.step(exit, outputs.at(sample, exit, room));
                   if (!take(sample, exit, state, step)) break;
                 }
               });
  }
}

/// As above, under one policy.
template <typename Take>
void for_each_step(const LoggedOutputs& outputs, const ExitPolicy* policy, std::size_t first,
                   const Take& take) {
  for_each_step(outputs, [policy](std::size_t) { return policy; }, first, take);
}

Answers make_answers(const LoggedOutputs& outputs, std::size_t count) {
  return outputs.make_readout()->make_answers(count, Readout::Detail::kAnswer);
}

}  // namespace

void features(const LoggedOutputs& outputs, const Combiner* combiner, std::span<float* const> to) {
  const ExitPolicy policy = watcher(outputs, combiner);
  for_each_step(outputs, &policy, 0,
                [&](std::size_t sample, std::size_t exit, const auto& state, auto) {
                  const std::span<const float> features = state.features();
                  std::ranges::copy(features, to[exit] + sample * features.size());
                  return true;
                });
}

Answers answers(const LoggedOutputs& outputs, const Combiner* combiner) {
  const ExitPolicy policy = watcher(outputs, combiner);
  const std::size_t exits = outputs.num_exits();
  Answers found = make_answers(outputs, outputs.samples() * exits);
  for_each_step(outputs, &policy, 0,
                [&](std::size_t sample, std::size_t exit, const auto& state, auto) {
                  state.readout().put_answer(sample * exits + exit, found);
                  return true;
                });
  return found;
}

void scores(const LoggedOutputs& outputs, const ExitPolicy& policy, float* scores) {
  policy.check_network(*outputs.make_readout());
  for_each_step(outputs, &policy, 0,
                [&](std::size_t sample, std::size_t exit, const auto&, auto step) {
                  scores[sample * outputs.num_exits() + exit] = step.score;
                  return true;
                });
}

Answers replay(const LoggedOutputs& outputs, const ExitPolicy* policy, std::int64_t* exits,
               float* scores) {
  if (policy != nullptr) policy->check_network(*outputs.make_readout());
  const std::size_t count = outputs.num_exits();
  std::fill_n(scores, outputs.samples() * count, std::numeric_limits<float>::quiet_NaN());
  Answers found = make_answers(outputs, outputs.samples());
  // Without a policy nothing but the last exit has a say.
  const std::size_t first = policy == nullptr ? count - 1 : 0;
  for_each_step(outputs, policy, first,
                [&](std::size_t sample, std::size_t exit, const auto& state, auto step) {
                  if (policy != nullptr) scores[sample * count + exit] = step.score;
                  if (!step.accept) return true;
                  exits[sample] = static_cast<std::int64_t>(exit);
                  state.readout().put_answer(sample, found);
                  return false;
                });
  return found;
}

Answers replay_stream(const LoggedOutputs& outputs, const BudgetTable& table,
                      const ControllerOptions& options, std::span<const double> costs,
                      std::int64_t* exits, std::int64_t* schedules) {
  if (outputs.samples() == 0) {
    throw Error(ErrorCode::kInput, "outputs: no samples came, at least 1 expected");
  }
  const std::unique_ptr<Readout> readout = outputs.make_readout();
  for (std::size_t i = 0; i < table.schedules().size(); ++i) {
    in_context([i] { return cat("schedule ", i); },
               [&] { table.schedules()[i]->exit_policy->check_network(*readout); });
  }
  Controller controller(table, options);
  Answers found = make_answers(outputs, outputs.samples());
  for_each_step(
      outputs,
      [&](std::size_t sample) {
        const std::size_t chosen = controller.choose();
        schedules[sample] = static_cast<std::int64_t>(chosen);
        return table.schedules()[chosen]->exit_policy.get();
      },
      0,
      [&](std::size_t sample, std::size_t exit, const auto& state, auto step) {
        if (!step.accept) return true;
        if (costs.empty()) {
          controller.record(exit);
        } else {
          controller.record_cost(costs[sample * outputs.num_exits() + exit]);
        }
        exits[sample] = static_cast<std::int64_t>(exit);
        state.readout().put_answer(sample, found);
        return false;
      });
  return found;
}

double mean_cost(std::span<const std::int64_t> exits, std::span<const double> costs,
                 std::size_t num_exits) {
  const bool own = costs.size() > num_exits;
  double spent = 0;
  for (std::size_t sample = 0; sample < exits.size(); ++sample) {
    spent += costs[(own ? sample * num_exits : 0) + static_cast<std::size_t>(exits[sample])];
  }
  return spent / static_cast<double>(exits.size());
}

}  // namespace eenet
