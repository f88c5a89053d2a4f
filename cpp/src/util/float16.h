#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace eenet {

/// The nearest IEEE 754 binary16, the even one of two as near; infinite from 65,520 on. A NaN stays
/// a NaN.
constexpr std::uint16_t to_float16(float value) {
  constexpr std::uint32_t kInfinity = 0x7F800000;
  constexpr std::uint32_t kTooLarge = 0x47800000;        // 2^16
  constexpr std::uint32_t kSmallestNormal = 0x38800000;  // 2^-14
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t half = 0;
  if (magnitude > kInfinity) {
    half = 0x7E00U | ((magnitude >> 13U) & 0x3FFU);
  } else if (magnitude >= kTooLarge) {
    half = 0x7C00U;
  } else if (magnitude >= kSmallestNormal) {
    // Half a unit of the last place that stays, less one where the place is even already. A carry
    // runs into the exponent, where it belongs, and past the largest number into infinity.
    const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13U) & 1U);
    half = (rounded - (112U << 23U)) >> 13U;
  } else {
    // Next to 0.5 a float's last place is 2^-24, as that of these: the addition rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    half = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5F);
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// The same value; exact.
constexpr float from_float16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t magnitude = half & 0x7FFFU;
  float value = 0;
  if (magnitude >= 0x7C00U) {
    value = std::bit_cast<float>((magnitude << 13U) + (224U << 23U));
  } else if (magnitude >= 0x400U) {
    value = std::bit_cast<float>((magnitude << 13U) + (112U << 23U));
  } else {
    value = static_cast<float>(magnitude) * 0x1p-24F;
  }
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

/// A number as tensors of float16 hold it.
struct Float16 {
  std::uint16_t bits = 0;

  explicit constexpr operator float() const { return from_float16(bits); }
};

}  // namespace eenet
