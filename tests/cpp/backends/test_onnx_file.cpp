#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backends/ort/onnx_file.h"
#include "support.h"
#include "util/text.h"

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
               [&] { ort::check_self_contained(bytes_of(file), "segment_0.onnx"); });
}

TEST(OnnxFile, AcceptsWeightsInside) {
  const std::string doubles = varint(3U << 3U | 1U) + "12345678";
  const std::string floats = varint(4U << 3U | 5U) + "1234";
  ort::check_self_contained(
      bytes_of(number(1, 9) + message(7, message(5, kInside)) + doubles + floats),
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

std::string node(const std::string& op, const std::string& domain) {
  return message(1, message(4, op) + message(7, domain));
}

/// A function that calls another one some times.
std::string function(const std::string& name, const std::string& called, int times) {
  std::string nodes;
  const std::string call = message(4, called) + message(7, "nest");
  for (int i = 0; i < times; ++i) nodes += message(7, call);
  return message(25, nodes + message(1, name) + message(10, "nest"));
}

/// Calls f0, each function the next one twice, the last one an operator.
std::string nested(int depth) {
  std::string file = message(7, node("f0", "nest"));
  for (int i = 0; i < depth; ++i) {
    file += function(cat("f", i), cat("f", i + 1), 2);
  }
  return file;
}

TEST(OnnxFile, CountsTheNodesThatFunctionsMake) {
  ort::check_self_contained(bytes_of(nested(19)), "segment_0.onnx");  // 524,288
  expect_refused(nested(20), "more than 1000000 nodes once its functions are put in");
  expect_refused(nested(64), "more than 1000000 nodes");
  expect_refused(nested(90), "more than 1000000 nodes");
  // Also where the main graph calls none of it, or from a branch.
  expect_refused(nested(20).substr(message(7, node("f0", "nest")).size()), "more than 1000000");
  const std::string branch = message(5, message(6, node("f0", "nest")));
  expect_refused(message(7, message(1, message(4, "If") + branch)) + nested(20), "more than");
}

TEST(OnnxFile, CountsNodesOfOneFunctionCalledOften) {
  std::string graph;
  for (int i = 0; i < 1000; ++i) graph += node("f", "nest");
  ort::check_self_contained(bytes_of(message(7, graph) + function("f", "Neg", 1000)),
                            "segment_0.onnx");
  expect_refused(message(7, graph) + function("f", "Neg", 1001), "more than 1000000 nodes");
}

TEST(OnnxFile, RefusesFunctionsThatCallThemselves) {
  expect_refused(function("f", "f", 1), "functions that call themselves");
  expect_refused(function("f", "g", 1) + function("g", "f", 1), "functions that call themselves");
  // One of another domain, or of another overload, is another one.
  const std::string other = message(7, message(4, "f") + message(7, "else"));
  ort::check_self_contained(bytes_of(message(25, other + message(1, "f") + message(10, "nest"))),
                            "x");
  const std::string overload = message(7, message(4, "f") + message(7, "nest") + message(8, "a"));
  ort::check_self_contained(bytes_of(message(25, overload + message(1, "f") + message(10, "nest"))),
                            "x");
  // The standard's domain has two names.
  const std::string standard = message(7, message(4, "f") + message(7, "ai.onnx"));
  expect_refused(message(25, standard + message(1, "f")), "functions that call themselves");
}

}  // namespace
}  // namespace eenet
