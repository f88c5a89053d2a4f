#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "util/float16.h"

namespace eenet {

/// Whether no value is NaN or infinite.
inline bool all_finite(std::span<const float> values) {
  // A float is not finite when its exponent bits are all ones: adding one to the exponent then
  // carries into the sign bit. Integers, so that compilers make it a vector loop.
  constexpr std::uint32_t kMagnitude = 0x7FFFFFFF;
  constexpr std::uint32_t kOneExponent = 0x00800000;
  std::uint32_t carries = 0;
  for (const float& value : values) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    carries |= (bits & kMagnitude) + kOneExponent;
  }
  return (carries & ~kMagnitude) == 0;
}

/// As above.
inline bool all_finite(std::span<const Float16> values) {
  constexpr std::uint32_t kMagnitude = 0x7FFF;
  constexpr std::uint32_t kOneExponent = 0x0400;
  std::uint32_t carries = 0;
  for (const Float16 value : values) {
    carries |= (std::uint32_t{value.bits} & kMagnitude) + kOneExponent;
  }
  return (carries & ~kMagnitude) == 0;
}

}  // namespace eenet
