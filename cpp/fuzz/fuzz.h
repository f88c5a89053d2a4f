#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "eenet/error.h"

namespace eenet::fuzz {

/// What libFuzzer made up.
inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Does what may be refused, but in no other way than by an Error of a sensible length.
template <typename Work>
void refuse_or(Work&& work) {
  constexpr std::size_t kLongestMessage = 20'000;
  try {
    std::forward<Work>(work)();
  } catch (const Error& error) {
    if (std::strlen(error.what()) > kLongestMessage) std::abort();
  }
}

/// Ends the process where something that must hold does not.
inline void expect(bool holds) {
  if (!holds) std::abort();
}

/// Takes decisions out of the bytes, from front to back; zeros when they are at their end.
class Choices {
 public:
  explicit Choices(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  std::span<const std::byte> take(std::size_t size) {
    const std::span<const std::byte> taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

  template <typename T>
  T number() {
    T value{};
    const std::span<const std::byte> taken = take(sizeof(T));
    if (!taken.empty()) std::memcpy(&value, taken.data(), taken.size());
    return value;
  }

  std::size_t below(std::size_t end) { return number<std::uint16_t>() % end; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace eenet::fuzz
