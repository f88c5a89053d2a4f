#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "eenet/error.h"

#include "util/text.h"

// Structs of the C interface that grow at their end: a caller's may be shorter or longer than this
// version's.
namespace eenet::c {

template <typename Pointer>
void require(Pointer pointer, const char* what) {
  if (pointer == nullptr) throw Error(ErrorCode::kInput, cat(what, ": NULL came"));
}

/// The size that a caller gives a struct: that of its own version of this interface.
template <typename Struct>
std::size_t caller_size(const Struct& given, const char* what) {
  constexpr std::size_t kLargest = 4096;  // Beyond, nobody has set it.
  const std::size_t size = given.struct_size;
  if (size < sizeof(std::size_t) || size > kLargest) {
    throw Error(ErrorCode::kInput, cat(what, ": struct_size is ", size,
                                       ", the sizeof the struct expected (", sizeof(Struct), ")"));
  }
  return size;
}

/// A caller's struct as this version knows it: fields that the caller does not know are zero.
template <typename Struct>
Struct read_struct(const Struct* given, const char* what) {
  Struct out{};
  if (given == nullptr) return out;
  const std::size_t size = caller_size(*given, what);
  std::memcpy(&out, given, std::min(size, sizeof out));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof out; i < size; ++i) {
    if (bytes[i] != 0) {
      throw Error(ErrorCode::kInput,
                  cat(what, ": it asks for something that only a newer version of eenet knows"));
    }
  }
  return out;
}

/// Fills a caller's struct as far as the caller knows it.
template <typename Struct>
void write_struct(Struct values, Struct& out, std::size_t size) {
  values.struct_size = size;
  std::memcpy(&out, &values, std::min(size, sizeof out));
  if (size > sizeof out) {
    std::memset(reinterpret_cast<unsigned char*>(&out) + sizeof out, 0, size - sizeof out);
  }
}

}  // namespace eenet::c
