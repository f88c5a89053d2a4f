#include "util/replacement.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include "util/text.h"

namespace eenet {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;            // As the kernel follows.
constexpr unsigned kExchange = 1U << 1U;  // RENAME_EXCHANGE, which old C libraries do not name.

[[noreturn]] void throw_errno() {
  throw std::system_error(errno, std::generic_category());
}

/// Where a path leads that need not exist; its folder must.
fs::path follow_links(fs::path path) {
  // "name/" has an empty last part.
  if (!path.has_filename()) path = path.parent_path();
  // Also what no text of a link leads to: /dev/stdout, where it is a file.
  if (fs::exists(path)) return fs::canonical(path);
  for (int i = 0; i < kMostLinks && fs::is_symlink(path); ++i) {
    path = path.parent_path() / fs::read_symlink(path);
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return fs::canonical(parent) / path.filename();
}

const char* kind_name(fs::file_type type) {
  switch (type) {
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::directory:
      return "a folder";
    default:
      return "a file";
  }
}

/// A path as the kernel writes it in its list of mounts.
std::string mount_name(const fs::path& path) {
  constexpr std::string_view kOctal = "01234567";
  std::string out;
  for (const char character : path.native()) {
    if (character == ' ' || character == '\t' || character == '\n' || character == '\\') {
      const auto byte = static_cast<unsigned char>(character);
      out += {'\\', kOctal[byte >> 6U], kOctal[byte >> 3U & 7U], kOctal[byte & 7U]};
    } else {
      out += character;
    }
  }
  return out;
}

bool is_mount_point(const fs::path& path) {
  // Neither numbers of devices nor of files tell where a folder is mounted a second time.
  const std::string name = mount_name(path);
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;
    if (field == name) return true;
  }
  return false;
}

void sync_one(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) throw_errno();
  // Some file systems have no such thing for folders.
  if (::fsync(file.get()) != 0 && errno != EINVAL && errno != ENOTSUP) throw_errno();
}

void sync_tree(const fs::path& path) {
  const fs::file_type type = fs::symlink_status(path).type();
  if (type == fs::file_type::directory) {
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) sync_tree(entry.path());
  }
  if (type == fs::file_type::directory || type == fs::file_type::regular) sync_one(path);
}

void write_file(const fs::path& path, std::span<const std::byte> bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) throw_errno();
  bool written = true;
  while (written && !bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    written = count >= 0 || errno == EINTR;
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  const int reason = errno;
  // Some file systems say only now that the disk is full.
  if (::close(file) != 0) throw_errno();
  if (!written) throw std::system_error(reason, std::generic_category());
}

}  // namespace

Replacement::Replacement(const fs::path& path, Kind kind, ErrorCode code)
    : kind_(kind), code_(code), named_(path) {
  try {
    check_kind(fs::status(path).type());
    path_ = follow_links(path);
    check_mount();
    scratch_.emplace(path_.parent_path());
    const fs::path folder = scratch_->path() / "new";
    fs::create_directory(folder);
    temporary_ = folder / path_.filename();
  } catch (const std::system_error& error) {
    fail_writing(error.code().value());
  }
}

void Replacement::fail(const std::string& reason) const {
  throw Error(code_, cat(kind_ == Kind::kFile ? "file " : "folder ", quote_name(named_.native()),
                         ": ", reason));
}

void Replacement::fail_writing(int error, const std::string& name) const {
  fail(cat(name, name.empty() ? "" : ": ", "cannot be written: ", std::strerror(error)));
}

void Replacement::check_kind(fs::file_type type) const {
  const auto wanted = kind_ == Kind::kFile ? fs::file_type::regular : fs::file_type::directory;
  if (type == fs::file_type::not_found || type == wanted) return;
  fail(cat("is ", kind_name(type), ", ", kind_name(wanted), " expected"));
}

void Replacement::check_mount() const {
  if (!is_mount_point(path_)) return;
  fail(
      "is a mount point, which nothing can take the place of; expected another name, or the folder "
      "above it to be mounted in its stead");
}

void Replacement::add(const std::string& name, std::span<const std::byte> bytes) const {
  try {
    fs::create_directory(temporary_);
    write_file(temporary_ / name, bytes);
  } catch (const std::system_error& error) {
    fail_writing(error.code().value(), name);
  }
}

void Replacement::sync() const {
  try {
    sync_tree(temporary_);
  } catch (const std::system_error& error) {
    fail_writing(error.code().value());
  }
}

void Replacement::publish() {
  sync();
  try {
    if (kind_ == Kind::kFolder && fs::exists(path_)) {
      exchange();
    } else {
      fs::rename(temporary_, path_);
    }
    sync_one(path_.parent_path());
  } catch (const std::system_error& error) {
    fail_writing(error.code().value());
  }
}

void Replacement::exchange() {
  if (::syscall(SYS_renameat2, AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), kExchange) ==
      0) {
    return;
  }
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) throw_errno();
  // This file system cannot exchange: for an instant nothing is there. Whoever comes after a kill
  // at that moment puts the old folder back, and readers wait.
  fs::create_directory(scratch_->old());
  const fs::path old = scratch_->old() / path_.filename();
  fs::rename(path_, old);
  try {
    fs::rename(temporary_, path_);
  } catch (const std::system_error&) {
    fs::rename(old, path_);
    throw;
  }
}

bool put_back(const fs::path& path) {
  try {
    return restore(follow_links(path));
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace eenet
