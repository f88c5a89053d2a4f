#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/device.h"
#include "eenet/tensor.h"

#include "util/finite.h"
#include "util/text.h"

namespace eenet {
namespace {

TEST(AllFinite, FindsEveryKindAtEveryPlace) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t size = 0; size < 40; ++size) {
    std::vector<float> values(size, std::numeric_limits<float>::max());
    EXPECT_TRUE(all_finite(values));
    for (std::size_t i = 0; i < size; ++i) {
      for (const float bad : {inf, -inf, nan, -nan}) {
        values[i] = bad;
        EXPECT_FALSE(all_finite(values));
      }
      values[i] = i % 2 == 0 ? std::numeric_limits<float>::lowest()
                             : std::numeric_limits<float>::denorm_min();
      EXPECT_TRUE(all_finite(values));
    }
  }
}

TEST(QuoteName, MakesAnythingFitForALine) {
  EXPECT_EQ(quote_name("segment_0.onnx"), "'segment_0.onnx'");
  EXPECT_EQ(quote_name(std::string("a\0\n\x7f", 4)), "'a\\x00\\x0a\\x7f'");
  EXPECT_EQ(quote_name("\xc3\xa4"), "'\xc3\xa4'");
  EXPECT_EQ(quote_name(std::string(80, 'x')), cat("'", std::string(80, 'x'), "'"));
  EXPECT_EQ(quote_name(std::string(81, 'x')), cat("'", std::string(80, 'x'), "...'"));
  // A character of two bytes that the cut would split.
  EXPECT_EQ(quote_name(std::string(79, 'x') + "\xc3\xa4y"), cat("'", std::string(79, 'x'), "...'"));
}

TEST(AlignedBuffer, StartsAtACacheLine) {
  for (const std::size_t bytes : {1U, 63U, 64U, 1000U}) {
    const AlignedBuffer buffer(bytes);
    EXPECT_EQ(buffer.size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % AlignedBuffer::kAlignment, 0U);
  }
}

TEST(DeviceName, IsAlwaysTheSameAndNeverEmpty) {
  EXPECT_FALSE(device_name().empty());
  EXPECT_EQ(device_name(), device_name());
}

}  // namespace
}  // namespace eenet
