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

/// Where the first UTF-8 character at or after a place starts.
std::size_t next_start(std::string_view text, std::size_t place) {
  while (place < text.size() && (static_cast<unsigned char>(text[place]) & 0xC0U) == 0x80U) ++place;
  return place;
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

std::string escape_controls(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    } else {
      out += character;
    }
  }
  return out;
}

std::string quote_name(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  std::string out = "'";
  if (name.size() <= kLongest) {
    out += escape_controls(name);
  } else {
    out += escape_controls(name.substr(0, cut_length(name, kLongest / 2)));
    out += kCut;
    out += escape_controls(name.substr(next_start(name, name.size() - kLongest / 2)));
  }
  return out += "'";
}

}  // namespace eenet
