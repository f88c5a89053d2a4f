#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "eenet/result.h"

#include "decision/exit_policy.h"
#include "decision/exit_state.h"

namespace eenet {

/// Takes a score apart.
/// @param features p (C), max, 1 + sum p ln p / ln C, vote, margin; as ExitState::features().
/// @param scores Of the exits before this one.
/// @param class_names C names.
/// @param most Contributions to list.
/// @return With contributions, others and bias.
ExitExplanation explain_score(const Scorer& scorer, std::span<const float> features,
                              std::span<const float> scores,
                              std::span<const std::string> class_names, std::size_t most);

/// Takes the decision of an exit apart.
/// @param state After the step of this exit, and under this policy.
/// @param step What the step returned.
/// @param class_names C names.
/// @return All but the time.
ExitExplanation explain_exit(const ExitPolicy& policy, std::size_t exit, const ExitState& state,
                             const ExitState::Step& step, std::span<const std::string> class_names);

}  // namespace eenet
