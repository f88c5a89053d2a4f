#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "eenet/error.h"

namespace eenet {

/// A value inside an untrusted JSON document, with its place in it, so that every complaint names
/// what is wrong. Borrows the document.
class JsonNode {
 public:
  /// @param where How messages call this value, as `manifest.json: segments[1].exit`.
  /// @param code Of the errors thrown.
  /// @param joint What comes between it and the name of a member: of a document, ": ".
  JsonNode(const nlohmann::json& value, std::string where, ErrorCode code, const char* joint = ".")
      : value_(&value), where_(std::move(where)), code_(code), joint_(joint) {}

  /// A member that must be there.
  JsonNode at(const char* key) const;
  /// A member that may be missing.
  std::optional<JsonNode> find(const char* key) const;
  bool is_null() const { return value_->is_null(); }
  bool is_string() const { return value_->is_string(); }

  std::string string() const;
  /// A string of 1 to 256 bytes without control characters.
  std::string name() const;
  bool boolean() const;
  std::int64_t integer(std::int64_t min, std::int64_t max) const;
  /// A finite number.
  double number() const;
  std::vector<double> numbers() const;
  /// The elements of a list of `min` to `max` elements.
  std::vector<JsonNode> items(std::size_t min, std::size_t max) const;
  /// The members of an object with at most `max`; the names are checked as by name().
  std::vector<std::pair<std::string, JsonNode>> members(std::size_t max) const;
  /// The value as text; it must be an object.
  std::string object_text() const;

  const std::string& where() const { return where_; }
  /// Throws "<where>: <came> came, <expected> expected".
  [[noreturn]] void fail(const std::string& came, const std::string& expected) const;
  /// Throws "<where>: <complaint>".
  [[noreturn]] void fail(const std::string& complaint) const;

 private:
  [[noreturn]] void wrong_type(const char* expected) const;

  const nlohmann::json* value_;
  std::string where_;
  ErrorCode code_;
  const char* joint_;
};

/// Refuses what is no name: 1 to 256 bytes without control characters.
/// @throws Error(code), its message starting with `what`.
void check_name(std::string_view text, ErrorCode code, const std::string& what);

/// Parses an untrusted document: UTF-8, at most 32 levels deep, no key twice in an object.
/// @throws Error(code), its message starting with `what`.
nlohmann::json parse_json(std::string_view text, const std::string& what, ErrorCode code);

/// As parse_json(); members of objects stay in the order of the text.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what,
                                          ErrorCode code);

}  // namespace eenet
