#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/error.h"
#include "eenet/manifest.h"

namespace eenet {

/// A bundle folder: its parsed manifest and access to its files.
///
/// The folder stays open, so that files are looked up in the folder that was checked even if the
/// path is moved meanwhile. Not thread-safe; used while loading only.
class Bundle {
 public:
  /// A bundle that a killed refit had moved aside is put back first.
  /// @throws Error(kBundle) if the folder or its manifest cannot be read or is not valid.
  static Bundle open(const std::filesystem::path& path);

  Bundle(Bundle&& other) noexcept;
  Bundle& operator=(Bundle&&) = delete;
  ~Bundle();

  /// Whether `path` leads elsewhere by now, as when a refit has replaced the bundle.
  bool replaced(const std::filesystem::path& path) const;

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

  void read_manifest();

  int directory_;  // File descriptor, owned.
  std::string manifest_text_;
  Manifest manifest_;
};

/// What `use` makes of the bundle at `path`. Where it fails because the bundle was replaced while
/// it was read, it is called again with the new one.
/// @param use Takes a const Bundle&.
template <typename Use>
auto with_bundle(const std::filesystem::path& path, Use&& use) {
  constexpr int kMostAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    const Bundle bundle = Bundle::open(path);
    try {
      return use(bundle);
    } catch (const Error&) {
      if (attempt == kMostAttempts || !bundle.replaced(path)) throw;
    }
  }
}

}  // namespace eenet
