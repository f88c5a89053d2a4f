#pragma once

#include <cstddef>
#include <span>

#include "eenet/manifest.h"
#include "eenet/result.h"

#include "decision/exit_state.h"
#include "run/run_options.h"

namespace eenet {

/// The result of samples that have yet to be computed, with room for what the options ask for.
/// @param first_exit That the call begins with.
BatchResult make_result(const Manifest& manifest, std::size_t samples, std::size_t first_exit,
                        const RunOptions& options);

/// Notes what a sample leaves with.
/// @param state After the step of this exit.
void put_answer(const ExitState& state, std::size_t sample, std::size_t exit, StopReason reason,
                BatchResult& result);

/// The logits of a sample at an exit: for whom there is room.
std::span<float> logits_of(BatchResult& result, std::size_t sample, std::size_t exit);

/// Says of every exit that is explained how long it took.
void put_times(BatchResult& result);

}  // namespace eenet
