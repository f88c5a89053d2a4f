#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "eenet/error.h"

namespace eenet {

/// A regular file opened for one pass of reading. Devices, pipes and folders are refused.
class File {
 public:
  /// @param directory Descriptor that `path` is relative to, or AT_FDCWD.
  /// @param follow_links Whether the last part of the path may be a symbolic link.
  /// @param what Names the file in messages.
  /// @throws Error(code) if there is no such regular file.
  File(int directory, const std::string& path, bool follow_links, std::string what, ErrorCode code);
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  /// Bytes, when it was opened.
  std::uint64_t size() const noexcept { return size_; }

  /// The whole content, read once.
  /// @throws Error(code) if the file is longer than `limit`, changes size, or cannot be read.
  std::vector<std::byte> read_all(std::uint64_t limit);

  /// The whole content in pieces, read once.
  void read_pieces(const std::function<void(std::span<const std::byte>)>& take);

 private:
  std::size_t read_some(std::span<std::byte> buffer);
  [[noreturn]] void fail(const std::string& complaint) const;

  int descriptor_;
  std::uint64_t size_ = 0;
  std::string what_;
  ErrorCode code_;
};

}  // namespace eenet
