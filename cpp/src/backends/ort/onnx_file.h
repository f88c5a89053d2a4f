#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace eenet::ort {

/// Refuses an ONNX file whose weights lie in other files. ONNX Runtime would read those from the
/// working folder, past the sizes and hashes that the manifest vouches for. Also one whose
/// functions call each other so often that the graph has more than a million nodes once they are
/// put in: ONNX Runtime goes through all of them when it opens the file, and cannot be stopped.
/// @param what Names the file in messages.
/// @throws Error(kBundle) also if the bytes are not a protobuf message.
void check_self_contained(std::span<const std::byte> bytes, const std::string& what);

}  // namespace eenet::ort
