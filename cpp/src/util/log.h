#pragma once

#include <string_view>

#include "eenet/log.h"

namespace eenet {

/// Whether anybody listens.
bool logging() noexcept;

/// Tells whoever listens. Line breaks at the end are left out.
void log(LogLevel level, std::string_view message) noexcept;

}  // namespace eenet
