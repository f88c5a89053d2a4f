#include "util/json.h"

#include <cmath>

#include "util/text.h"

namespace eenet {
namespace {

constexpr std::size_t kLongestName = 256;

bool has_control_character(std::string_view text) {
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F) return true;
  }
  return false;
}

}  // namespace

void check_name(std::string_view text, ErrorCode code, const std::string& what) {
  if (!text.empty() && text.size() <= kLongestName && !has_control_character(text)) return;
  throw Error(code, cat(what, ": ", quote_name(text), " came, a name of 1 to ", kLongestName,
                        " bytes without control characters expected"));
}

void JsonNode::fail(const std::string& came, const std::string& expected) const {
  throw Error(code_, cat(where_, ": ", came, " came, ", expected, " expected"));
}

void JsonNode::fail(const std::string& complaint) const {
  throw Error(code_, cat(where_, ": ", complaint));
}

void JsonNode::wrong_type(const char* expected) const {
  fail(value_->type_name(), expected);
}

JsonNode JsonNode::at(const char* key) const {
  const std::optional<JsonNode> found = find(key);
  if (!found) fail(cat("the key '", key, "' is missing"));
  return *found;
}

std::optional<JsonNode> JsonNode::find(const char* key) const {
  if (!value_->is_object()) wrong_type("an object");
  const auto found = value_->find(key);
  if (found == value_->end()) return std::nullopt;
  return JsonNode(*found, cat(where_, joint_, key), code_);
}

std::string JsonNode::string() const {
  if (!value_->is_string()) wrong_type("a string");
  return value_->get<std::string>();
}

std::string JsonNode::name() const {
  std::string text = string();
  check_name(text, code_, where_);
  return text;
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) wrong_type("true or false");
  return value_->get<bool>();
}

std::int64_t JsonNode::integer(std::int64_t min, std::int64_t max) const {
  if (!value_->is_number_integer()) wrong_type("an integer");
  // Numbers above the signed range are parsed as unsigned and would wrap.
  const bool fits = !value_->is_number_unsigned() ||
                    value_->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = fits ? value_->get<std::int64_t>() : INT64_MAX;
  if (!fits || number < min || number > max) {
    fail(value_->dump(), cat("an integer from ", min, " to ", max));
  }
  return number;
}

double JsonNode::number() const {
  if (!value_->is_number()) wrong_type("a number");
  const double number = value_->get<double>();
  if (!std::isfinite(number)) fail(value_->dump(), "a finite number");
  return number;
}

std::vector<double> JsonNode::numbers() const {
  std::vector<double> out;
  for (const JsonNode& item : items(0, SIZE_MAX)) out.push_back(item.number());
  return out;
}

std::vector<JsonNode> JsonNode::items(std::size_t min, std::size_t max) const {
  if (!value_->is_array()) wrong_type("a list");
  if (value_->size() < min || value_->size() > max) {
    fail(cat(value_->size(), " elements"), max == SIZE_MAX ? cat("at least ", min)
                                           : min == max    ? cat(min)
                                                           : cat(min, " to ", max));
  }
  std::vector<JsonNode> out;
  out.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    out.emplace_back((*value_)[i], cat(where_, "[", i, "]"), code_);
  }
  return out;
}

std::vector<std::pair<std::string, JsonNode>> JsonNode::members(std::size_t max) const {
  if (!value_->is_object()) wrong_type("an object");
  if (value_->size() > max) fail(cat(value_->size(), " members"), cat("at most ", max));
  std::vector<std::pair<std::string, JsonNode>> out;
  out.reserve(value_->size());
  for (const auto& [key, member] : value_->items()) {
    const nlohmann::json key_value(key);
    std::string checked = JsonNode(key_value, cat(where_, ": key"), code_).name();
    out.emplace_back(std::move(checked),
                     JsonNode(member, cat(where_, "[", quote_name(key), "]"), code_));
  }
  return out;
}

std::string JsonNode::object_text() const {
  if (!value_->is_object()) wrong_type("an object");
  return value_->dump();
}

}  // namespace eenet
