#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "support.h"
#include "util/crc32.h"

namespace eenet {
namespace {

using test::bytes_of;

TEST(Crc32, MatchesPublishedValues) {
  EXPECT_EQ(crc32({}), 0U);
  EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926U);  // The check value of every catalogue.
  EXPECT_EQ(crc32(bytes_of("a")), 0xE8B7BE43U);
  EXPECT_EQ(crc32(bytes_of(std::string(32, '\0'))), 0x190A55ADU);
}

/// One bit at a time, as the polynomial is defined.
std::uint32_t slow(std::string_view text) {
  std::uint32_t sum = ~0U;
  for (const char character : text) {
    sum ^= static_cast<unsigned char>(character);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~sum;
}

TEST(Crc32, IsTheDefinitionAtEveryLengthAndAlignment) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i * 37 + i / 7);
  for (std::size_t start = 0; start < 17; ++start) {
    for (std::size_t length = 0; length + start <= 120; ++length) {
      const std::string_view part = std::string_view(text).substr(start, length);
      ASSERT_EQ(crc32(bytes_of(part)), slow(part)) << start << " " << length;
    }
  }
}

TEST(Crc32, FindsEveryFlippedBit) {
  std::string text(67, 'x');
  const std::uint32_t right = crc32(bytes_of(text));
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(crc32(bytes_of(text)), right);
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
  }
}

}  // namespace
}  // namespace eenet
