#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>

namespace eenet {

/// A stream whose text is the same under every locale that the process may have set.
std::ostringstream text_stream();

/// The arguments, printed one after the other.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out = text_stream();
  (out << ... << parts);
  return out.str();
}

/// The items, printed with `separator` between them.
template <typename Range>
std::string join(const Range& items, std::string_view separator = ", ") {
  std::ostringstream out = text_stream();
  std::string_view lead;
  for (const auto& item : items) {
    out << lead << item;
    lead = separator;
  }
  return out.str();
}

/// The text, or its beginning and "..." where it has more than so many bytes. No UTF-8 character is
/// cut in two.
std::string shorten(std::string_view text, std::size_t longest);

/// The text with `\x1b` and the like in place of control characters, new lines included: terminals
/// take some of them for commands.
std::string escape_controls(std::string_view text);

/// A name or path that comes from outside, made fit for a message: in quotes, without control
/// characters, not longer than a line. What is longer keeps its beginning and its end.
std::string quote_name(std::string_view name);

}  // namespace eenet
