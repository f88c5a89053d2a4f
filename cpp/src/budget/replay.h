#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eenet/budget.h"
#include "eenet/result.h"

#include "decision/exit_policy.h"
#include "decision/readout/logged_outputs.h"

namespace eenet {

// The decision core over logged outputs: exactly what the runner computes, sample by sample.
// Outputs are row-major memory of the caller. All throw Error(kNonFinite) naming sample and exit,
// and Error(kInput) if policy or combiner are made for another network.

/// Features of every exit.
/// @param combiner Null: every exit alone.
/// @param to K arrays (N, F_k).
void features(const LoggedOutputs& outputs, const Combiner* combiner, std::span<float* const> to);

/// Answer of every exit: of sample n at exit k in place n K + k. Without probabilities.
Answers answers(const LoggedOutputs& outputs, const Combiner* combiner);

/// Score of every exit, as emitted, without stopping; 0 at disabled exits and the last one.
/// @param scores (N, K).
void scores(const LoggedOutputs& outputs, const ExitPolicy& policy, float* scores);

/// Where each sample leaves, and with what answer.
/// @param policy Null: full depth.
/// @param exits (N).
/// @param scores (N, K), NaN where no score was computed.
/// @return Answers of the N samples, without probabilities.
Answers replay(const LoggedOutputs& outputs, const ExitPolicy* policy, std::int64_t* exits,
               float* scores);

/// Where each sample of a stream leaves when a Controller chooses its schedule by what the samples
/// before it cost.
/// @param table The schedules, and the costs to book.
/// @param costs Of each sample at each exit, (N, K), to book in place of the table's; empty: those.
/// @param exits (N).
/// @param schedules (N), index in the table of the schedule that was in force.
/// @return Answers of the N samples, without probabilities.
/// @throws Error(kInput) too if there are no samples, and as Controller does.
Answers replay_stream(const LoggedOutputs& outputs, const BudgetTable& table,
                      const ControllerOptions& options, std::span<const double> costs,
                      std::int64_t* exits, std::int64_t* schedules);

/// Mean cost of samples by the exits that they left at.
/// @param costs Of the exits, (K), or of each sample at each of them, (N, K).
double mean_cost(std::span<const std::int64_t> exits, std::span<const double> costs,
                 std::size_t num_exits);

}  // namespace eenet
