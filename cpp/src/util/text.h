#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>

namespace eenet {

/// The arguments, printed one after the other.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// The items, printed with `separator` between them.
template <typename Range>
std::string join(const Range& items, std::string_view separator = ", ") {
  std::ostringstream out;
  std::string_view lead;
  for (const auto& item : items) {
    out << lead << item;
    lead = separator;
  }
  return out.str();
}

/// A name out of an untrusted file, made fit for a message: in quotes, without control characters,
/// not longer than a line.
std::string quote_name(std::string_view name);

}  // namespace eenet
