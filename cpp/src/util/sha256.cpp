#include "util/sha256.h"

#include <algorithm>
#include <string_view>

namespace eenet {
namespace {

constexpr std::byte kPadding[64] = {std::byte{0x80}};

}  // namespace

void Sha256::compress(const std::byte* blocks, std::size_t count) {
  const Sha256Compress fast = compress_by_instructions();
  (fast == nullptr ? &compress_portably : fast)(state_, blocks, count);
}

void Sha256::update(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  if (pending_size_ > 0) {
    const std::size_t taken = std::min(bytes.size(), kBlock - pending_size_);
    std::copy_n(bytes.begin(), taken,
                pending_.begin() + static_cast<std::ptrdiff_t>(pending_size_));
    pending_size_ += taken;
    bytes = bytes.subspan(taken);
    if (pending_size_ < kBlock) return;
    compress(pending_.data(), 1);
  }
  const std::size_t blocks = bytes.size() / kBlock;
  compress(bytes.data(), blocks);
  bytes = bytes.subspan(blocks * kBlock);
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
  pending_size_ = bytes.size();
}

std::string Sha256::finish() {
  const std::uint64_t bits = total_ * 8;
  std::array<std::byte, 8> length;
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  // The message ends with 0x80, zeros, and its length in the last 8 bytes of a block.
  const std::size_t zeros = (kBlock + 56 - 1 - pending_size_) % kBlock;
  update({kPadding, 1 + zeros});
  update(length);

  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (const std::uint32_t word : state_) {
    for (unsigned shift = 32; shift > 0; shift -= 4) hex += kHex[word >> (shift - 4) & 0xFU];
  }
  return hex;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace eenet
