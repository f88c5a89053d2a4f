#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "util/float16.h"

namespace eenet {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// The value of a finite binary16 by its definition.
double value_of(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1F;
  const int fraction = half & 0x3FF;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Float16, EveryHalfComesBack) {
  for (std::uint32_t i = 0; i <= 0xFFFF; ++i) {
    const auto half = static_cast<std::uint16_t>(i);
    const float value = from_float16(half);
    if ((half & 0x7C00U) != 0x7C00U) {
      ASSERT_EQ(static_cast<double>(value), value_of(half)) << i;
    } else if ((half & 0x3FFU) == 0) {
      ASSERT_EQ(value, (half & 0x8000U) != 0 ? -kInf : kInf);
    } else {
      ASSERT_TRUE(std::isnan(value)) << i;
      ASSERT_TRUE(std::isnan(from_float16(to_float16(value)))) << i;
      continue;
    }
    ASSERT_EQ(std::signbit(value), (half & 0x8000U) != 0) << i;
    ASSERT_EQ(to_float16(value), half) << i;
  }
}

TEST(Float16, RoundsToTheNearestAndTiesToTheEvenOne) {
  // Between every two neighbours: the middle, and the floats next to it on either side.
  for (std::uint32_t i = 0; i < 0x7BFF; ++i) {
    const auto low = static_cast<std::uint16_t>(i);
    const auto high = static_cast<std::uint16_t>(i + 1);
    const auto middle = static_cast<float>((value_of(low) + value_of(high)) / 2);
    ASSERT_EQ(to_float16(middle), i % 2 == 0 ? low : high) << i;
    ASSERT_EQ(to_float16(std::nextafter(middle, 0.0F)), low) << i;
    ASSERT_EQ(to_float16(std::nextafter(middle, kInf)), high) << i;
    ASSERT_EQ(to_float16(-middle), (i % 2 == 0 ? low : high) | 0x8000) << i;
  }
}

TEST(Float16, OverflowsFromHalfWayPastTheLargest) {
  EXPECT_EQ(to_float16(65504.0F), 0x7BFF);
  EXPECT_EQ(to_float16(std::nextafter(65520.0F, 0.0F)), 0x7BFF);
  for (const float large : {65520.0F, 65536.0F, 1e30F, std::numeric_limits<float>::max(), kInf}) {
    EXPECT_EQ(to_float16(large), 0x7C00) << large;
    EXPECT_EQ(to_float16(-large), 0xFC00) << large;
  }
  EXPECT_EQ(to_float16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(to_float16(-0.0F), 0x8000);
}

TEST(Float16, NanStaysNan) {
  for (const std::uint32_t bits : {0x7F800001U, 0x7FC00000U, 0x7FFFFFFFU, 0xFF800001U}) {
    const std::uint16_t half = to_float16(std::bit_cast<float>(bits));
    EXPECT_EQ(half & 0x7C00, 0x7C00);
    EXPECT_NE(half & 0x3FF, 0);
    EXPECT_EQ(half >> 15, bits >> 31U);
  }
}

}  // namespace
}  // namespace eenet
