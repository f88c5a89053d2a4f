#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "util/sha256_compress.h"

namespace eenet {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces. Our own, so that the runtime needs no
/// library but an inference engine.
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  /// Lower-case hex of everything so far. Ends the computation.
  std::string finish();

 private:
  static constexpr std::size_t kBlock = 64;

  void compress(const std::byte* blocks, std::size_t count);

  Sha256State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlock> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;  // Bytes.
};

/// Lower-case hex of the SHA-256 of `bytes`.
std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace eenet
