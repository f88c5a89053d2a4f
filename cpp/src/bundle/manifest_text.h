#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/manifest.h"

namespace eenet {

/// Parses and checks the text of a manifest; see docs/spec/format.md.
/// @throws Error(kBundle) naming the key, what came and what was expected.
Manifest parse_manifest(std::string_view text);

/// Tensors that exist before an exit's segment runs and that it or a later one reads, by ascending
/// index.
/// @param exit first_exit() to end_exit(); after the last exit of the network there are none.
std::vector<std::size_t> live_tensors(const Manifest& manifest, std::size_t exit);

/// SHA-256 of each segment of the whole network, lower-case hex.
std::vector<std::string> segment_hashes(const Manifest& manifest);

/// The identity of a network whose segment files have these hashes (lower-case hex), in order.
std::string network_id(const std::vector<std::string>& segment_hashes);

}  // namespace eenet
