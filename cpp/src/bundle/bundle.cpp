#include "bundle/bundle.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "eenet/error.h"

#include "bundle/format.h"
#include "bundle/manifest_text.h"
#include "util/file.h"
#include "util/replacement.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr int kMostAttempts = 100;
constexpr std::chrono::milliseconds kPause{5};

File open_in(int directory, std::string_view name) {
  return {directory, std::string(name), false, std::string(name), ErrorCode::kBundle};
}

const FileSpec& expect_file(const Manifest& manifest, std::string_view name) {
  const FileSpec* spec = manifest.find_file(name);
  if (spec == nullptr) {
    throw Error(ErrorCode::kBundle,
                cat(format::kManifest, ": files: ", quote_name(name), " is missing"));
  }
  return *spec;
}

void check_size(const FileSpec& spec, const File& file) {
  if (file.size() != spec.size) {
    throw Error(ErrorCode::kBundle, cat(spec.name, ": ", file.size(), " bytes came, ", spec.size,
                                        " expected by the manifest"));
  }
}

void check_hash(const FileSpec& spec, const std::string& sha256) {
  if (sha256 != spec.sha256) {
    throw Error(ErrorCode::kBundle, cat(spec.name, ": SHA-256 ", sha256, " came, ", spec.sha256,
                                        " expected by the manifest; the file was altered"));
  }
}

}  // namespace

Bundle::Bundle(Bundle&& other) noexcept
    : directory_(std::exchange(other.directory_, -1)),
      manifest_text_(std::move(other.manifest_text_)),
      manifest_(std::move(other.manifest_)) {}

Bundle::~Bundle() {
  if (directory_ >= 0) ::close(directory_);
}

Bundle Bundle::open(const std::filesystem::path& path) {
  for (int attempt = 1;; ++attempt) {
    const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
      const int reason = errno;
      // Where a file system cannot exchange two folders, nothing is there for an instant.
      if (reason == ENOENT && attempt < kMostAttempts && put_back(path)) {
        std::this_thread::sleep_for(kPause);
        continue;
      }
      throw Error(ErrorCode::kBundle,
                  cat("cannot be opened: ", std::strerror(reason),
                      "; the folder of a bundle expected, as eenet-export writes it"));
    }
    Bundle bundle(directory);
    try {
      bundle.read_manifest();
      return bundle;
    } catch (const Error&) {
      if (attempt == kMostAttempts || !bundle.replaced(path)) throw;
    }
  }
}

void Bundle::read_manifest() {
  const std::vector<std::byte> bytes =
      open_in(directory_, format::kManifest).read_all(format::kLargestManifest);
  manifest_text_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  manifest_ = parse_manifest(manifest_text_);
}

bool Bundle::replaced(const std::filesystem::path& path) const {
  struct stat held{};
  struct stat there{};
  if (::fstat(directory_, &held) != 0) return false;
  return ::stat(path.c_str(), &there) != 0 || held.st_dev != there.st_dev ||
         held.st_ino != there.st_ino;
}

std::vector<std::byte> Bundle::read(std::string_view name) const {
  const FileSpec& spec = expect_file(manifest_, name);
  File file = open_in(directory_, name);
  check_size(spec, file);
  std::vector<std::byte> bytes = file.read_all(spec.size);
  check_hash(spec, sha256_hex(bytes));
  return bytes;
}

void Bundle::verify(std::string_view name) const {
  const FileSpec& spec = expect_file(manifest_, name);
  File file = open_in(directory_, name);
  check_size(spec, file);
  Sha256 hash;
  file.read_pieces([&hash](std::span<const std::byte> piece) { hash.update(piece); });
  check_hash(spec, hash.finish());
}

}  // namespace eenet
