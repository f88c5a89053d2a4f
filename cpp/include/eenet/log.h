#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "eenet/export.h"

namespace EENET_API eenet {

enum class LogLevel : std::uint8_t { kWarning, kError };

/// Takes a message of one line. Called from any thread, from several at a time; what it throws is
/// dropped.
using Logger = std::function<void(LogLevel level, std::string_view message)>;

/// Says where messages go, of all of the process: warnings of this library, and what the inference
/// library has to say from warnings on; the latter only if a logger is there before the first load.
/// By default nowhere.
/// @param logger Empty: nowhere again.
void set_logger(Logger logger);

}  // namespace eenet
