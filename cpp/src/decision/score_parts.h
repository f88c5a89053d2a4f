#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "eenet/exit_policy.h"
#include "eenet/explanation.h"

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

}  // namespace eenet
