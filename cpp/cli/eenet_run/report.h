#pragma once

#include <string>
#include <vector>

#include "eenet/manifest.h"
#include "eenet/result.h"

namespace eenet::tools {

/// The answers as lines of text. Their latency is that of all of them together.
std::string text_report(const Manifest& manifest, const std::vector<Result>& results);

/// The answers as one line of JSON.
std::string json_report(const Manifest& manifest, const std::vector<Result>& results);

}  // namespace eenet::tools
