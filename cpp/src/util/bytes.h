#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie");

/// Appends little-endian numbers and runs of bytes.
class ByteWriter {
 public:
  template <typename T>
    requires std::is_arithmetic_v<T>
  void number(T value) {
    append(std::as_bytes(std::span(&value, 1)));
  }
  template <typename T>
  void numbers(std::span<const T> values) {
    append(std::as_bytes(values));
  }
  void text(std::string_view value) { append(std::as_bytes(std::span(value))); }
  void append(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  void reserve(std::size_t size) { bytes_.reserve(size); }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::vector<std::byte> finish() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Takes untrusted bytes apart, from front to back. Borrows them.
class ByteReader {
 public:
  /// @param what Names the bytes in messages.
  ByteReader(std::span<const std::byte> bytes, std::string what, ErrorCode code)
      : rest_(bytes), what_(std::move(what)), code_(code) {}

  /// @param field Names the part in messages.
  /// @throws Error(code) if fewer bytes are left.
  std::span<const std::byte> take(std::size_t count, std::string_view field) {
    if (count > rest_.size()) {
      fail(cat(field, ": ", rest_.size(), " bytes came, ", count, " expected"));
    }
    const std::span<const std::byte> taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  template <typename T>
  T number(std::string_view field) {
    T value;
    std::memcpy(&value, take(sizeof value, field).data(), sizeof value);
    return value;
  }
  template <typename T>
  std::vector<T> numbers(std::size_t count, std::string_view field) {
    const std::span<const std::byte> taken = take(count * sizeof(T), field);
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), taken.data(), taken.size());
    return values;
  }

  /// Leaves out the end, which must be there.
  void drop_last(std::size_t count) noexcept { rest_ = rest_.first(rest_.size() - count); }
  std::size_t left() const noexcept { return rest_.size(); }
  [[noreturn]] void fail(const std::string& complaint) const {
    throw Error(code_, cat(what_, ": ", complaint));
  }

 private:
  std::span<const std::byte> rest_;
  std::string what_;
  ErrorCode code_;
};

}  // namespace eenet
