#include "util/text.h"

#include <locale>

namespace eenet {
namespace {

constexpr std::string_view kCut = "...";

/// How much of a text stays if it is cut to so many bytes.
std::size_t cut_length(std::string_view text, std::size_t longest) {
  std::size_t length = longest;
  // Never in the middle of a UTF-8 character: its continuation bytes start with the bits 10.
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) --length;
  return length;
}

}  // namespace

std::ostringstream text_stream() {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  return out;
}

std::string shorten(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::string out(text.substr(0, cut_length(text, longest - kCut.size())));
  return out += kCut;
}

std::string quote_name(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  constexpr std::string_view kHex = "0123456789abcdef";
  const std::size_t length = name.size() > kLongest ? cut_length(name, kLongest) : name.size();
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
  if (length < name.size()) out += kCut;
  return out += "'";
}

}  // namespace eenet
