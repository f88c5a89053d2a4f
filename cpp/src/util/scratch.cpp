#include "util/scratch.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace eenet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".eenet-";
constexpr const char* kLock = "lock";
constexpr int kMostAttempts = 100;

enum class Lock { kHeld, kBusy, kGone, kUnknown };

/// Takes the lock of a scratch folder. It is gone where somebody removed the folder meanwhile.
Lock take_lock(const fs::path& scratch, int flags, Descriptor& lock) {
  // Open for writing: over NFS nothing else can be locked.
  lock =
      Descriptor(::open((scratch / kLock).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (!lock) return errno == ENOENT ? Lock::kGone : Lock::kUnknown;
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? Lock::kBusy : Lock::kUnknown;
  }
  struct stat status{};
  return ::fstat(lock.get(), &status) == 0 && status.st_nlink > 0 ? Lock::kHeld : Lock::kGone;
}

/// Scratch folders of this user: nobody else's is touched, whatever its name.
std::vector<fs::path> find_scratch(const fs::path& parent) {
  std::vector<fs::path> found;
  std::error_code ended;
  fs::directory_iterator entries(parent.empty() ? "." : parent, ended);
  for (; !ended && entries != fs::directory_iterator(); entries.increment(ended)) {
    const fs::path& path = entries->path();
    if (!path.filename().native().starts_with(kPrefix)) continue;
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_uid == ::geteuid()) {
      found.push_back(path);
    }
  }
  return found;
}

bool is_there(const fs::path& path) {
  std::error_code unknown;
  return fs::exists(fs::symlink_status(path, unknown));
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code ended;
  fs::directory_iterator entries(folder, ended);
  for (; !ended && entries != fs::directory_iterator(); entries.increment(ended)) {
    paths.push_back(entries->path());
  }
  return paths;
}

/// The lock goes last, so that a folder without one is empty, and one with it is swept again.
void remove_scratch(const fs::path& scratch) {
  bool removed = true;
  for (const fs::path& path : entries_of(scratch)) {
    std::error_code error;
    if (path.filename() != kLock) fs::remove_all(path, error);
    if (error) removed = false;
  }
  if (!removed) return;
  ::unlink((scratch / kLock).c_str());
  ::rmdir(scratch.c_str());
}

void move_back(const fs::path& old, const fs::path& to) {
  if (!is_there(to)) ::rename(old.c_str(), to.c_str());
}

}  // namespace

Scratch::Scratch(const fs::path& parent) {
  sweep_scratch(parent);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::string pattern = (parent / kPrefix).native() + "XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category());
    }
    const Lock lock = take_lock(pattern, O_CREAT, lock_);
    // Somebody who sweeps may take it for dead as long as it is not locked.
    if (lock == Lock::kBusy || lock == Lock::kGone) continue;
    if (!lock_) {
      const int reason = errno;
      ::rmdir(pattern.c_str());
      throw std::system_error(reason, std::generic_category());
    }
    // Where the file system knows no locks, nobody will take it for dead either.
    path_ = pattern;
    return;
  }
  throw std::system_error(EBUSY, std::generic_category());
}

Scratch::~Scratch() {
  remove_scratch(path_);
}

void sweep_scratch(const fs::path& parent) {
  for (const fs::path& scratch : find_scratch(parent)) {
    Descriptor lock;
    const Lock state = take_lock(scratch, 0, lock);
    // Killed before there was a lock, or while it was removed.
    if (state == Lock::kGone && !lock) ::rmdir(scratch.c_str());
    if (state != Lock::kHeld) continue;
    for (const fs::path& old : entries_of(scratch / "old")) move_back(old, parent / old.filename());
    remove_scratch(scratch);
  }
}

bool restore(const fs::path& path) {
  bool at_work = false;
  for (const fs::path& scratch : find_scratch(path.parent_path())) {
    Descriptor lock;
    const Lock state = take_lock(scratch, 0, lock);
    if (state == Lock::kHeld) move_back(scratch / "old" / path.filename(), path);
    if (state == Lock::kBusy) at_work = true;
  }
  return at_work || is_there(path);
}

}  // namespace eenet
