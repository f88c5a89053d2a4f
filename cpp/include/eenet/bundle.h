#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/export.h"
#include "eenet/manifest.h"

namespace EENET_API eenet {

/// A bundle folder: its parsed manifest and access to its files.
///
/// The folder stays open, so that files are looked up in the folder that was checked even if the
/// path is moved meanwhile. Not thread-safe; used while loading only.
class Bundle {
 public:
  /// @throws Error(kBundle) if the folder or its manifest cannot be read or is not valid.
  static Bundle open(const std::filesystem::path& path);

  Bundle(Bundle&& other) noexcept;
  Bundle& operator=(Bundle&&) = delete;
  ~Bundle();

  const Manifest& manifest() const noexcept { return manifest_; }
  /// manifest.json as it was read, keys that this version does not know included.
  const std::string& manifest_text() const noexcept { return manifest_text_; }

  /// Reads a file once and checks size and hash of the very bytes returned.
  /// @throws Error(kBundle) if it is missing, a link, or not what the manifest vouches for.
  std::vector<std::byte> read(std::string_view name) const;

  /// As read(), without keeping the bytes.
  void verify(std::string_view name) const;

 private:
  explicit Bundle(int directory) : directory_(directory) {}

  int directory_;  // File descriptor, owned.
  std::string manifest_text_;
  Manifest manifest_;
};

}  // namespace eenet
