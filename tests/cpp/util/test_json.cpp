#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support.h"
#include "util/json.h"
#include "util/text.h"

namespace eenet {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using test::expect_error;

json parse(const std::string& text) {
  return parse_json(text, "document", ErrorCode::kInput);
}

void expect_refused(const std::string& text, const std::vector<std::string>& parts) {
  expect_error(ErrorCode::kInput, parts, [&] { parse(text); });
  expect_error(ErrorCode::kInput, parts,
               [&] { parse_ordered_json(text, "document", ErrorCode::kInput); });
}

std::string repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string nested(int depth, const char* open, const char* inner, const char* close) {
  return cat(repeat(open, depth), inner, repeat(close, depth));
}

TEST(ParseJson, TakesWhatJsonHas) {
  const std::string text =
      R"({"z": [null, true, false, -1, 18446744073709551615, 2.5, "\u00e4\n", [], {}],)"
      R"( "a": {"b": {"c": [[1], [{"d": 2}], 3]}, "": 0}, "m": [{"z": 1}, {"z": 2}]})";
  EXPECT_EQ(parse(text), json::parse(text));
  const ordered_json ordered = parse_ordered_json(text, "document", ErrorCode::kInput);
  EXPECT_EQ(ordered.dump(), ordered_json::parse(text).dump());
  for (const char* alone : {"null", "true", "3", "-0.5", "\"x\"", "[]", "{}", " [1] "}) {
    EXPECT_EQ(parse(alone), json::parse(alone)) << alone;
  }
}

TEST(ParseJson, BoundsTheDepth) {
  EXPECT_EQ(parse(nested(32, "[", "", "]")).size(), 1U);
  EXPECT_EQ(parse(nested(32, "[", "1", "]")).size(), 1U);
  EXPECT_EQ(parse(nested(32, "{\"k\":", "1", "}")).size(), 1U);
  const std::vector<std::string> said = {"document: more than 32 levels of nesting"};
  expect_refused(nested(33, "[", "", "]"), said);
  expect_refused(nested(33, "{\"k\":", "1", "}"), said);
  expect_refused(nested(31, "[", "{\"k\":[]}", "]"), said);
  expect_refused(repeat("[", 1'000'000), said);
  // What has ended counts no more.
  EXPECT_EQ(parse(cat('[', repeat("[[]],", 40), "{}]")).size(), 41U);
}

TEST(ParseJson, RefusesAKeyThatComesTwice) {
  const std::vector<std::string> said = {"document: the key 'k' appears twice in one object"};
  expect_refused(R"({"k": 1, "k": 1})", said);
  expect_refused(R"({"a": [{}, {"k": {"k": {}}, "b": 1, "k": 2}]})", said);
  expect_refused(R"({"k": 1, "\u006b": 2})", said);
  EXPECT_EQ(parse(R"([{"k": {"k": 1}}, {"k": 2}])")[1]["k"], 2);
}

TEST(ParseJson, RefusesWhatIsNoJson) {
  for (const char* text :
       {"", "{", "[1,]", "{\"k\"}", "[1] 2", "nul", "'x'", "[\"\xff\"]", "[01]", "/**/[]"}) {
    expect_refused(text, {"document: not valid JSON: "});
  }
  expect_refused("[1e999]", {"document: not valid JSON: ", "1e999"});
}

// Time in the square of their number would show as minutes.
TEST(ParseJson, RefusesWhatReadersTakeForTheEndOrForNothing) {
  using namespace std::string_literals;
  expect_refused("{}\0"s, {"document: a NUL byte came at 2"});
  expect_refused("{}\0, 3"s, {"document: a NUL byte came at 2"});
  expect_refused("{\"a\": \"b\0\"}"s, {"document: a NUL byte came at 8"});
  expect_refused("\xEF\xBB\xBF{}", {"document: a byte order mark came"});
  EXPECT_EQ(parse(R"(["\u0000", "\ufeff"])").size(), 2U);
}

TEST(ParseJson, TakesManyObjects) {
  const int count = 400'000;
  const std::string list = cat('[', repeat("{},", count), "{}]");
  EXPECT_EQ(parse(list).size(), count + 1U);
  std::string members = "{";
  for (int i = 0; i < count; ++i) members += cat('"', i, "\":{},");
  members += "\"last\":0}";
  EXPECT_EQ(parse(members).size(), count + 1U);
  EXPECT_EQ(parse_ordered_json(members, "document", ErrorCode::kInput).size(), count + 1U);
}

}  // namespace
}  // namespace eenet
