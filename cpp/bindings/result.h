#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eenet/result.h"

#include "answers.h"
#include "arrays.h"

namespace eenet::python {

/// What `infer` returns.
struct Answer : Result {
  Answer() = default;
  Answer(Result result, std::string name)
      : Result(std::move(result)), class_name(std::move(name)) {}

  std::string class_name;      ///< Of the label; empty without classes.
  std::size_t batch_size = 1;  ///< Samples that the times are of.
};

/// What `infer_batch` returns. The arrays are copies, made once, which the caller may write to.
struct BatchAnswers {
  /// @param class_names Of the labels; none without classes.
  /// @param batch_size Samples of the batch that these are some of.
  BatchAnswers(BatchResult result, std::vector<std::string> class_names, std::size_t batch_size);

  BatchResult result;
  std::size_t batch_size;
  std::vector<std::string> class_names;
  AnswerArrays answers;
  py::array_t<std::int64_t> exits;
  py::array_t<bool> complete;
  std::optional<py::array_t<float>> probabilities;
  py::array_t<float> scores;
};

}  // namespace eenet::python
