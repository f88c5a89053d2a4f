#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bundle/safetensors.h"
#include "support.h"
#include "util/text.h"

namespace eenet {
namespace {

using test::bytes_of;
using test::expect_error;
using test::safetensors;

void expect_refused(const std::string& file, const std::vector<std::string>& message) {
  // Exactly as long as the file, so that a read past its end is seen by a sanitizer.
  const std::vector<char> exact(file.begin(), file.end());
  expect_error(ErrorCode::kSchedule, message, [&] {
    const SafeTensors tensors(bytes_of({exact.data(), exact.size()}), "file", ErrorCode::kSchedule);
  });
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return cat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
             ",\"data_offsets\":", offsets, "}");
}

std::string object(const std::string& members) {
  return cat("{", members, "}");
}

TEST(SafeTensors, ReadsValuesWhateverTheirAlignment) {
  for (int padding = 0; padding < 8; ++padding) {
    std::string file = test::SafeTensorsWriter()
                           .add<float>("a", {2, 2}, {1, 2, 3, 4})
                           .add<double>("b", {1}, {0.125})
                           .add<float>("none", {0, 3}, {})
                           .metadata("eenet", "text")
                           .file();
    const std::string header = file.substr(
        8, static_cast<unsigned char>(file[0]) + 256U * static_cast<unsigned char>(file[1]));
    file = safetensors(header + std::string(static_cast<std::size_t>(padding), ' '),
                       file.substr(8 + header.size()));
    const SafeTensors tensors(bytes_of(file), "file", ErrorCode::kSchedule);
    EXPECT_EQ(tensors.f32("a", {2, 2}), (std::vector<float>{1, 2, 3, 4}));
    EXPECT_EQ(tensors.f64("b", {1}), std::vector<double>{0.125});
    EXPECT_TRUE(tensors.f32("none", {0, 3}).empty());
    EXPECT_EQ(tensors.metadata("eenet"), "text");
    EXPECT_FALSE(tensors.metadata("other").has_value());
    EXPECT_TRUE(tensors.contains("a"));
    EXPECT_FALSE(tensors.contains("__metadata__"));
  }
}

TEST(SafeTensors, NamesWhatIsNotAsExpected) {
  const std::string file = test::SafeTensorsWriter().add<float>("a", {2, 2}, {1, 2, 3, 4}).file();
  const SafeTensors tensors(bytes_of(file), "file", ErrorCode::kSchedule);
  expect_error(ErrorCode::kSchedule, {"file", "'x'", "missing"}, [&] { tensors.f32("x", {1}); });
  expect_error(ErrorCode::kSchedule, {"'a'", "F32 (2, 2) came", "F32 (4) expected"},
               [&] { tensors.f32("a", {4}); });
  expect_error(ErrorCode::kSchedule, {"'a'", "F64 (2, 2) expected"},
               [&] { tensors.f64("a", {2, 2}); });
}

TEST(SafeTensors, RefusesHeadersThatDoNotFitTheFile) {
  expect_refused("", {"0 bytes"});
  expect_refused("1234567", {"7 bytes"});
  expect_refused(std::string(8, '\xff'), {"header"});
  expect_refused(safetensors("{}", "").substr(0, 9), {"header of 2 bytes", "at most 1"});
  std::string huge = safetensors("{}", "");
  huge[4] = 1;  // 4 GiB
  expect_refused(huge, {"no safetensors file"});
  expect_refused("PK\x03\x04 an .npz archive", {"no safetensors file"});
}

TEST(SafeTensors, RefusesHeadersThatAreNotAnObject) {
  for (const char* header : {"", "null", "[]", "3", "\"a\"", "{", "{}x", "{\"a\":}"}) {
    expect_refused(safetensors(header, ""), {"file"});
  }
  expect_refused(safetensors("{\"\xff\xfe\":{}}", ""), {"JSON"});
  expect_refused(safetensors("{\"a\":3}", ""), {"'a'", "object"});
  expect_refused(safetensors("{\"__metadata__\":{\"k\":1}}", ""), {"string"});
}

TEST(SafeTensors, AllowsNamesThatAreNotAscii) {
  const std::string file =
      safetensors(object(entry("gewicht_\xc3\xa4", "F32", "[1]", "[0,4]")), std::string(4, '\0'));
  EXPECT_TRUE(
      SafeTensors(bytes_of(file), "file", ErrorCode::kSchedule).contains("gewicht_\xc3\xa4"));
}

TEST(SafeTensors, RefusesBadEntries) {
  const auto refuse = [](const std::string& one, const std::vector<std::string>& message) {
    expect_refused(safetensors(object(one), std::string(8, '\0')), message);
  };
  refuse(entry("a", "I32", "[2]", "[0,8]"), {"'I32'", "'F32' or 'F64'"});
  refuse(entry("a", "F32", "[3]", "[0,8]"), {"shape"});
  refuse(entry("a", "F32", "[1]", "[0,8]"), {"data_offsets", "8 bytes", "4 expected"});
  refuse(entry("a", "F32", "[2]", "[0,12]"), {"data_offsets"});
  refuse(entry("a", "F32", "[2]", "[8,0]"), {"data_offsets"});
  refuse(entry("a", "F32", "[2]", "[-8,0]"), {"data_offsets"});
  refuse(entry("a", "F32", "[2]", "[0]"), {"data_offsets", "2"});
  refuse(entry("a", "F32", "[2]", "[0,8,8]"), {"data_offsets", "2"});
  refuse(entry("a", "F32", "[-2]", "[0,8]"), {"shape"});
  refuse(entry("a", "F32", "[2.0]", "[0,8]"), {"shape"});
  refuse(entry("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), {"shape", "9"});
  // A product that wraps to 2 elements in 64 bits.
  refuse(entry("a", "F32", "[2147483647,2147483647,2147483647]", "[0,8]"), {"shape"});
  refuse(entry("a", "F32", "[4611686018427387906]", "[0,8]"), {"shape"});
  refuse("\"a\":{\"dtype\":\"F32\",\"shape\":[2]}", {"data_offsets", "missing"});
}

TEST(SafeTensors, RefusesOverlapGapsAndTwins) {
  const auto refuse = [](const std::string& first, const std::string& second, const char* word) {
    expect_refused(safetensors(object(cat(first, ",", second)), std::string(16, '\0')), {word});
  };
  refuse(entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[2]", "[4,12]"), "overlap");
  refuse(entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[2]", "[0,8]"), "overlap");
  refuse(entry("a", "F32", "[1]", "[0,4]"), entry("b", "F32", "[2]", "[8,16]"), "gap");
  refuse(entry("a", "F32", "[1]", "[4,8]"), entry("b", "F32", "[2]", "[8,16]"), "gap");
  refuse(entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[1]", "[8,12]"), "byte 12 of 16");
  refuse(entry("a", "F32", "[2]", "[0,8]"), entry("a", "F32", "[2]", "[8,16]"), "twice");
}

// Cutting a valid file anywhere, or adding to it, is noticed.
TEST(SafeTensors, RefusesEveryTruncation) {
  const std::string file = test::SafeTensorsWriter()
                               .add<float>("a", {3}, {1, 2, 3})
                               .add<double>("b", {2}, {4, 5})
                               .file();
  for (std::size_t size = 0; size < file.size(); ++size) {
    expect_refused(file.substr(0, size), {"file"});
  }
  expect_refused(file + '\0', {"bytes of data"});
}

}  // namespace
}  // namespace eenet
