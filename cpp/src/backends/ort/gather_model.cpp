#include "backends/ort/gather_model.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace eenet::ort {
namespace {

// Protocol buffers as ONNX defines its messages; every number and length here is below 128, and so
// a single byte.

std::string number(unsigned field, unsigned value) {
  return {static_cast<char>(field << 3U), static_cast<char>(value)};
}

std::string message(unsigned field, const std::string& content) {
  const std::string head = {static_cast<char>(field << 3U | 2U), static_cast<char>(content.size())};
  return head + content;
}

std::string dimension(const std::string& name) {
  return message(1, message(2, name));
}

std::string tensor(const std::string& name, ElementType type, const std::string& dimensions) {
  const std::string tensor_type = number(1, static_cast<unsigned>(type)) + message(2, dimensions);
  return message(1, name) + message(2, message(1, tensor_type));
}

}  // namespace

std::vector<std::byte> make_gather_model(ElementType type) {
  constexpr unsigned kIrVersion = 8;
  constexpr unsigned kOpset = 18;
  const std::string width = dimension("width");
  // The node's axis is 0 unless it says otherwise.
  const std::string node =
      message(1, "data") + message(1, "rows") + message(2, "kept") + message(4, "Gather");
  const std::string inputs = message(11, tensor("data", type, dimension("n") + width)) +
                             message(11, tensor("rows", kInt64, dimension("m")));
  const std::string output = message(12, tensor("kept", type, dimension("m") + width));
  const std::string graph = message(1, node) + message(2, "gather") + inputs + output;
  // The graph is the one message that is longer.
  const std::string length = {static_cast<char>((graph.size() & 0x7FU) | 0x80U),
                              static_cast<char>(graph.size() >> 7U)};
  const std::string model = number(1, kIrVersion) + static_cast<char>(7U << 3U | 2U) + length +
                            graph + message(8, number(2, kOpset));
  std::vector<std::byte> bytes(model.size());
  std::transform(model.begin(), model.end(), bytes.begin(),
                 [](char each) { return static_cast<std::byte>(each); });
  return bytes;
}

}  // namespace eenet::ort
