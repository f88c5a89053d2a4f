#include "util/file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "util/text.h"

namespace eenet {

File::File(int directory, const std::string& path, bool follow_links, std::string what,
           ErrorCode code)
    : what_(std::move(what)), code_(code) {
  // Without O_NONBLOCK, opening a pipe that somebody planted would wait for a writer for ever.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow_links ? 0 : O_NOFOLLOW);
  descriptor_ = ::openat(directory, path.c_str(), flags);
  if (descriptor_ < 0) {
    if (errno == ELOOP && !follow_links) {
      fail(
          "a link came, a regular file expected; where a bundle's files are links, as in caches of "
          "hubs and volumes of ConfigMaps, load a copy with the links followed (cp -rL)");
    }
    fail(cat("cannot be opened: ", std::strerror(errno)));
  }
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    fail("not a regular file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

File::~File() {
  ::close(descriptor_);
}

void File::fail(const std::string& complaint) const {
  throw Error(code_, cat(what_, ": ", complaint));
}

std::size_t File::read_some(std::span<std::byte> buffer) {
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer.data(), buffer.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) fail(cat("cannot be read: ", std::strerror(errno)));
  return static_cast<std::size_t>(count);
}

std::vector<std::byte> File::read_all(std::uint64_t limit) {
  if (size_ > limit) fail(cat(size_, " bytes came, at most ", limit, " expected"));
  std::vector<std::byte> bytes;
  try {
    bytes.resize(size_);
  } catch (const std::exception&) {
    fail(cat("no memory for its ", size_, " bytes"));
  }
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const std::size_t count = read_some(std::span(bytes).subspan(filled));
    if (count == 0) fail(cat(filled, " bytes came, ", size_, " expected"));
    filled += count;
  }
  return bytes;
}

void File::read_pieces(const std::function<void(std::span<const std::byte>)>& take) {
  constexpr std::size_t kPiece = 1U << 20U;
  std::vector<std::byte> piece(kPiece);
  while (const std::size_t count = read_some(piece)) take(std::span(piece).first(count));
}

}  // namespace eenet
