#pragma once

#include <cstdint>
#include <optional>

#include "eenet/c_types.h"
#include "eenet/options.h"
#include "eenet/runtime.h"

namespace eenet::c {

/// @throws Error(kInput) for what no load can be asked for.
LoadOptions load_options(const eenet_load_options& given);

/// @throws Error(kInput) if there are two.
std::optional<Budget> load_budget(const eenet_load_options& given);

}  // namespace eenet::c
