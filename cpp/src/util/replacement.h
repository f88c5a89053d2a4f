#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "eenet/error.h"

#include "util/scratch.h"

namespace eenet {

/// A file or folder that is written under a temporary name and takes its place whole or not at all,
/// also where the process is killed or the power fails.
///
/// A link stays, and what it points to is replaced.
class Replacement {
 public:
  enum class Kind { kFile, kFolder };

  /// @param path A new name, or a file or folder, as `kind` says, to replace.
  /// @param code Of the errors thrown.
  /// @throws Error(code) if something is there that cannot be replaced, as a device or a mount
  ///   point, or nothing can be written beside it.
  Replacement(const std::filesystem::path& path, Kind kind, ErrorCode code);

  /// Where to write: nothing is there yet.
  const std::filesystem::path& temporary() const noexcept { return temporary_; }

  /// Writes a file into the new folder, which is made with the first one.
  /// @param name A plain name.
  /// @throws Error(code) if it cannot be written, as on a full disk.
  void add(const std::string& name, std::span<const std::byte> bytes) const;

  /// Has the system write what is there by now to the disk; publish() does so, too.
  /// @throws Error(code) if it cannot, as on a full disk.
  void sync() const;

  /// Puts what was written in its place. Call it once, last.
  /// @throws Error(code), and everything is as it was.
  void publish();

  /// Removes what is unfinished, as the destructor does.
  void discard() { scratch_.reset(); }

 private:
  [[noreturn]] void fail(const std::string& reason) const;
  [[noreturn]] void fail_writing(int error, const std::string& name = "") const;
  void check_kind(std::filesystem::file_type type) const;
  void check_mount() const;
  void exchange();

  Kind kind_;
  ErrorCode code_;
  std::filesystem::path named_;  // As the caller calls it.
  std::filesystem::path path_;   // Where the links end.
  std::optional<Scratch> scratch_;
  std::filesystem::path temporary_;
};

/// Puts a file or folder, where nothing is at `path`, back to where a killed process had moved it
/// aside from.
/// @return Whether it is there now, or somebody at work may be about to put it there.
bool put_back(const std::filesystem::path& path);

}  // namespace eenet
