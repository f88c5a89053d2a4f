#pragma once

#include <cstdint>
#include <optional>

#include "eenet/result.h"

#include "arrays.h"

namespace eenet::python {

/// What `infer_batch` returns. The arrays are copies, made once, which the caller may write to.
struct BatchAnswers {
  explicit BatchAnswers(BatchResult result);

  BatchResult result;
  py::array_t<std::int64_t> labels;
  py::array_t<std::int64_t> exits;
  py::array_t<bool> complete;
  py::array_t<float> probabilities;
  py::array_t<float> scores;
  std::optional<py::array_t<float>> logits;
};

}  // namespace eenet::python
