#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "eenet/error.h"

namespace eenet {

/// A folder that is written under a temporary name beside its own and appears whole or not at all.
class NewFolder {
 public:
  /// @param code Of the errors thrown.
  /// @throws Error(code) if nothing can be written beside `path`.
  NewFolder(std::filesystem::path path, ErrorCode code);
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  /// Removes whatever has not been published.
  ~NewFolder();

  /// @param name A plain name.
  /// @throws Error(code) if the file cannot be written, as on a full disk.
  void write(const std::string& name, std::span<const std::byte> bytes) const;
  /// Gives the folder its name. Call it once, last.
  /// @throws Error(code) if the name is taken.
  void publish() const;

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  ErrorCode code_;
  std::filesystem::path scratch_;  // Holds the folder, so that its mode is as the umask says.
  std::filesystem::path folder_;
};

}  // namespace eenet
