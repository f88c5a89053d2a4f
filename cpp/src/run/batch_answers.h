#pragma once

#include <cstddef>
#include <span>

#include "eenet/result.h"

#include "decision/exit_state.h"

namespace eenet {

/// Notes what a sample leaves with.
/// @param state After the step of this exit.
void put_answer(const ExitState& state, std::size_t sample, std::size_t exit, StopReason reason,
                BatchResult& result);

/// What exits `begin` to `end` - 1 put out for a sample; empty where there is no room for outputs.
std::span<float> outputs_of(BatchResult& result, std::size_t sample, std::size_t begin,
                            std::size_t end);

/// Says of every exit that is explained how long it took.
void put_times(BatchResult& result);

}  // namespace eenet
