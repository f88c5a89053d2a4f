#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.h"
#include "util/onnx_file.h"

namespace eenet {
namespace {

using test::bytes_of;
using test::expect_error;

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value > 0x7F; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  return out + static_cast<char>(value);
}

std::string number(std::uint64_t field, std::uint64_t value) {
  return varint(field << 3U) + varint(value);
}

std::string message(std::uint64_t field, const std::string& content) {
  return varint(field << 3U | 2U) + varint(content.size()) + content;
}

const std::string kInside = message(8, "weight") + message(9, "data") + number(14, 0);
const std::string kOutside = message(8, "weight") + message(13, "where") + number(14, 1);

void expect_refused(const std::string& file, const char* word) {
  expect_error(ErrorCode::kBundle, {"segment_0.onnx", word},
               [&] { check_self_contained(bytes_of(file), "segment_0.onnx"); });
}

TEST(OnnxFile, AcceptsWeightsInside) {
  const std::string doubles = varint(3U << 3U | 1U) + "12345678";
  const std::string floats = varint(4U << 3U | 5U) + "1234";
  check_self_contained(bytes_of(number(1, 9) + message(7, message(5, kInside)) + doubles + floats),
                       "segment_0.onnx");
}

TEST(OnnxFile, RefusesWeightsOutsideWhereverTheyAre) {
  const auto graph = [](const std::string& content) { return message(7, content); };
  const auto node = [](const std::string& attribute) { return message(1, message(5, attribute)); };
  const std::vector<std::string> files = {
      graph(message(5, kOutside)),                                // an initializer
      graph(message(15, message(1, kOutside))),                   // a sparse one, values
      graph(message(15, message(2, kOutside))),                   // and indices
      graph(node(message(5, kOutside))),                          // an attribute
      graph(node(message(10, kOutside))),                         // a list of them
      graph(node(message(22, message(1, kOutside)))),             // sparse
      graph(node(message(23, message(1, kOutside)))),             //
      graph(node(message(6, message(5, kOutside)))),              // a branch's initializer
      graph(node(message(11, message(5, kOutside)))),             //
      message(25, message(7, message(5, message(5, kOutside)))),  // a function
      message(25, message(11, message(5, kOutside))),             // its defaults
      message(20, message(1, message(5, kOutside))),              // training
      message(20, message(2, message(5, kOutside))),              //
      graph(message(5, kInside)) + graph(message(5, kOutside)),   // a second graph is merged
      graph(message(5, number(14, (1ULL << 32U) | 1U))),          // truncated to 1 by readers
      graph(message(5, message(13, ""))),                         // a place, though unused
  };
  for (std::size_t i = 0; i < files.size(); ++i) {
    SCOPED_TRACE(i);
    expect_refused(files[i], "another file");
  }
}

TEST(OnnxFile, RefusesWhatIsNoProtobufMessage) {
  expect_refused("", "empty");
  expect_refused("\x0b", "not an ONNX file");                   // a group
  expect_refused(std::string(11, '\xff'), "not an ONNX file");  // an endless number
  expect_refused(std::string("\x08", 1), "not a complete");     // a number cut off
  expect_refused(message(7, "abc").substr(0, 3), "not a complete");
  expect_refused(varint(7U << 3U | 2U) + std::string(9, '\xff') + '\x01', "not a complete");
  expect_refused(varint(3U << 3U | 1U) + "1234567", "not a complete");
}

TEST(OnnxFile, RefusesBottomlessNesting) {
  std::string file = kInside;
  for (int i = 0; i < 200; ++i) file = message(1, message(5, message(6, file)));
  expect_refused(message(7, file), "nested");
}

}  // namespace
}  // namespace eenet
