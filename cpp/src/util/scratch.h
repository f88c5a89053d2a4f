#pragma once

#include <filesystem>

#include "util/descriptor.h"

namespace eenet {

/// A folder for what is unfinished, beside the files that it will replace: `.eenet-XXXXXX`.
///
/// Its process holds a lock in it, so that others know the scratch of a killed process from that of
/// one that is at work, in another container or on another machine as well. What was moved aside
/// is in its folder `old`.
class Scratch {
 public:
  /// Sweeps `parent` first.
  /// @throws std::system_error if nothing can be written there.
  explicit Scratch(const std::filesystem::path& parent);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  /// Removes the folder and all in it.
  ~Scratch();

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Where things are moved aside to.
  std::filesystem::path old() const { return path_ / "old"; }

 private:
  std::filesystem::path path_;
  Descriptor lock_;
};

/// Mends what killed processes of this user have left in a folder: puts back what they had moved
/// aside where nothing has taken its place, and removes their scratch.
void sweep_scratch(const std::filesystem::path& parent);

/// Puts a file or folder, where nothing is in its place, back to where a killed process had moved
/// it aside from.
/// @return Whether it is there now, or somebody at work may be about to put it there.
bool restore(const std::filesystem::path& path);

}  // namespace eenet
