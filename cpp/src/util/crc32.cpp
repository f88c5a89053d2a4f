#include "util/crc32.h"

#include <array>
#include <bit>
#include <cstring>

namespace eenet {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

constexpr std::uint32_t kPolynomial = 0xEDB88320;
constexpr std::size_t kStride = 16;  // Bytes that are folded in at a time.

using Tables = std::array<std::array<std::uint32_t, 256>, kStride>;

/// tables[n][b]: what byte b does to the sum when n zero bytes follow it.
constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? kPolynomial : 0);
    tables[0][byte] = sum;
  }
  for (std::size_t n = 1; n < kStride; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8U) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

/// What eight bytes, the lowest first, do to the sum when `zeros` more bytes follow them.
std::uint32_t fold(std::uint64_t bytes, std::size_t zeros) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 8; ++i) sum ^= kTables[zeros + 7 - i][(bytes >> (8 * i)) & 0xFFU];
  return sum;
}

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) noexcept {
  std::uint32_t sum = ~0U;
  while (bytes.size() >= kStride) {
    std::uint64_t halves[2];
    std::memcpy(halves, bytes.data(), kStride);
    sum = fold(halves[0] ^ sum, 8) ^ fold(halves[1], 0);
    bytes = bytes.subspan(kStride);
  }
  for (const std::byte byte : bytes) {
    sum = (sum >> 8U) ^ kTables[0][(sum ^ static_cast<std::uint32_t>(byte)) & 0xFFU];
  }
  return ~sum;
}

}  // namespace eenet
