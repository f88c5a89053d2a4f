#pragma once

#include <cstddef>
#include <vector>

namespace eenet::ort {

/// An ONNX model that picks rows: `kept` [m, width] = `data` [n, width] at `rows` [m].
std::vector<std::byte> make_gather_model();

}  // namespace eenet::ort
