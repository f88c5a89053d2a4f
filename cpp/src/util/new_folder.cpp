#include "util/new_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "util/text.h"

namespace eenet {

NewFolder::NewFolder(std::filesystem::path path, ErrorCode code)
    : path_(std::move(path)), code_(code) {
  // "name/" has an empty last part.
  if (!path_.has_filename()) path_ = path_.parent_path();
  const std::string name = path_.filename().string();
  std::string pattern = (path_.parent_path() / cat(".", name, ".XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) fail("");
  scratch_ = pattern;
  folder_ = scratch_ / name;
  if (::mkdir(folder_.c_str(), 0777) != 0) fail("");
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
}

void NewFolder::fail(const std::string& what) const {
  const std::string reason = std::strerror(errno);
  throw Error(
      code_, cat("folder ", quote_name(path_.native()), ": ", what, "cannot be written: ", reason));
}

void NewFolder::write(const std::string& name, std::span<const std::byte> bytes) const {
  const std::filesystem::path path = folder_ / name;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  bool written = file >= 0;
  while (written && !bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    written = count >= 0 || errno == EINTR;
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  // Some file systems say only now that the disk is full.
  if (file >= 0) written = ::close(file) == 0 && written;
  if (!written) fail(cat(name, ": "));
}

void NewFolder::publish() const {
  if (::rename(folder_.c_str(), path_.c_str()) != 0) fail("");
}

}  // namespace eenet
