#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace eenet {

/// CRC-32 as zlib, gzip and PNG compute it (reflected polynomial 0xEDB88320). It finds accidents,
/// not attacks.
std::uint32_t crc32(std::span<const std::byte> bytes) noexcept;

}  // namespace eenet
