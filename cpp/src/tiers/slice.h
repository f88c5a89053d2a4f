#pragma once

#include <cstddef>
#include <filesystem>

namespace eenet {

/// Writes the part of a bundle that holds exits begin .. end - 1 of its network, a bundle itself:
/// for one of several machines that share the work, each of which hands on what it cannot answer.
///
/// Segments and schedules are copied byte for byte, each checked; calibration data stays behind. A
/// slice may be sliced again.
/// @param begin First exit, counted in the whole network; the bundle must hold it.
/// @param end One after the last exit.
/// @param out The folder to write, a new name: complete or not at all.
/// @throws Error(kInput) for the range or a name that is taken, Error(kBundle) if the bundle is
///   damaged, cannot be cut there, or the slice cannot be written.
void slice_bundle(const std::filesystem::path& path, std::size_t begin, std::size_t end,
                  const std::filesystem::path& out);

}  // namespace eenet
