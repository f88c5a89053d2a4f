#pragma once

#include <cstddef>
#include <vector>

#include "backends/ort/api_types.h"

namespace eenet::ort {

/// An ONNX model that picks rows of such numbers: `kept` [m, width] = `data` [n, width] at `rows`
/// [m].
std::vector<std::byte> make_gather_model(ElementType type);

}  // namespace eenet::ort
