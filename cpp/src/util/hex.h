#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eenet {

/// Two lower-case hexadecimal digits a byte.
std::string to_hex(std::span<const std::byte> bytes);

/// The bytes that to_hex() made such a text of.
std::vector<std::byte> from_hex(std::string_view text);

}  // namespace eenet
