#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eenet/budget.h"

#include "decision/exit_policy.h"

namespace eenet {

/// Borrowed logits of every exit, (samples, exits, classes) row-major.
struct LogitsView {
  const float* data = nullptr;
  std::size_t samples = 0;
  std::size_t exits = 0;
  std::size_t classes = 0;

  std::span<const float> at(std::size_t sample, std::size_t exit) const noexcept {
    return {data + (sample * exits + exit) * classes, classes};
  }
};

// The decision core over logged logits: exactly what the runner computes, sample by sample. Outputs
// are row-major memory of the caller. All throw Error(kNonFinite) naming sample and exit, and
// Error(kInput) if policy or combiner are made for other K and C.

/// Features of every exit.
/// @param combiner Null: every exit alone.
/// @param outputs K arrays (N, C + 4).
void features(const LogitsView& logits, const Combiner* combiner, std::span<float* const> outputs);

/// Answer of every exit.
/// @param labels (N, K).
void answers(const LogitsView& logits, const Combiner* combiner, std::int64_t* labels);

/// Score of every exit, as emitted, without stopping; 0 at disabled exits and the last one.
/// @param scores (N, K).
void scores(const LogitsView& logits, const ExitPolicy& policy, float* scores);

/// Where each sample leaves, and with what answer.
/// @param policy Null: full depth.
/// @param exits (N). @param labels (N).
/// @param scores (N, K), NaN where no score was computed.
void replay(const LogitsView& logits, const ExitPolicy* policy, std::int64_t* exits,
            std::int64_t* labels, float* scores);

/// Where each sample of a stream leaves when a Controller chooses its schedule by what the samples
/// before it cost.
/// @param table The schedules, and the costs to book.
/// @param exits (N). @param labels (N).
/// @param schedules (N), index in the table of the schedule that was in force.
/// @return Mean cost per sample.
/// @throws Error(kInput) too if there are no samples, and as Controller does.
double replay_stream(const LogitsView& logits, const BudgetTable& table,
                     const ControllerOptions& options, std::int64_t* exits, std::int64_t* labels,
                     std::int64_t* schedules);

}  // namespace eenet
