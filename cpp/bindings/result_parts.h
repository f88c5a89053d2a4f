#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eenet/error.h"
#include "eenet/result.h"

#include "arrays.h"
#include "util/text.h"

// What the bindings of one answer and of a batch of them share.
namespace eenet::python {

inline std::vector<py::ssize_t> array_shape(const std::vector<std::int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

/// Of each exit a tuple of what it put out.
using ExitArrays =
    py::typing::Tuple<py::typing::Tuple<py::array_t<float>, py::ellipsis>, py::ellipsis>;

inline bool known(StopReason reason) {
  return static_cast<std::size_t>(reason) < kStopReasons;
}

/// What a time is of, behind it; nothing where it is the sample's own.
inline std::string of_batch(std::size_t size) {
  return size == 1 ? std::string() : cat(" of the whole batch of ", size);
}

inline std::optional<py::bytes> handoff_bytes(const std::vector<std::byte>& handoff) {
  if (handoff.empty()) return std::nullopt;
  return py::bytes(reinterpret_cast<const char*>(handoff.data()), handoff.size());
}

inline void expect_consistent(bool consistent, const char* name) {
  if (!consistent) throw Error(ErrorCode::kInput, cat(name, ": its pickled state is inconsistent"));
}

/// How many numbers there are of the first exits.
inline bool has_numbers(const ExitOutputs& outputs, std::size_t exits, std::size_t samples) {
  if (outputs.output_shapes.empty()) return outputs.outputs.empty();
  for (const auto& shapes : outputs.output_shapes) {
    for (const std::vector<std::int64_t>& shape : shapes) {
      if (std::ranges::any_of(shape, [](std::int64_t size) { return size < 1; })) return false;
    }
  }
  return outputs.output_shapes.size() == exits &&
         outputs.outputs.size() == samples * outputs.output_offset(exits);
}

}  // namespace eenet::python
