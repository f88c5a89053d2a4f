#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "eenet/result.h"

#include "decision/exit_policy.h"
#include "decision/exit_state.h"

namespace eenet {

/// Takes a score apart.
/// @param inputs Features, and the scores of the exits before.
/// @param name What an input is called.
/// @param most Contributions to list.
/// @return With contributions, others and bias.
ExitExplanation explain_score(const Scorer& scorer, const std::vector<double>& inputs,
                              const std::function<std::string(std::size_t)>& name,
                              std::size_t most);

/// Takes the decision of an exit apart.
/// @param state After the step of this exit, and under this policy.
/// @param step What the step returned.
/// @param class_names The network's.
/// @return All but the time.
ExitExplanation explain_exit(const ExitPolicy& policy, std::size_t exit, const ExitState& state,
                             const ExitState::Step& step, std::span<const std::string> class_names);

}  // namespace eenet
