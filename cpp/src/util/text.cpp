#include "util/text.h"

namespace eenet {

std::string quote_name(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::size_t length = name.size();
  if (length > kLongest) {
    length = kLongest;
    // Never cut a UTF-8 character in two: its continuation bytes start with the bits 10.
    while (length > 0 && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U) --length;
  }
  std::string out = "'";
  for (const char character : name.substr(0, length)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    } else {
      out += character;
    }
  }
  out += length < name.size() ? "...'" : "'";
  return out;
}

}  // namespace eenet
