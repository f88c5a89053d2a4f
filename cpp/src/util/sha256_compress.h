#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace eenet {

using Sha256State = std::array<std::uint32_t, 8>;

/// Takes blocks of 64 bytes into the state.
using Sha256Compress = void (*)(Sha256State& state, const std::byte* blocks, std::size_t count);

/// For any processor.
void compress_portably(Sha256State& state, const std::byte* blocks, std::size_t count);

/// By the instructions for SHA-256 of x86-64 or Armv8, five to ten times as fast; null where the
/// processor has none.
Sha256Compress compress_by_instructions() noexcept;

}  // namespace eenet
