#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eenet/result.h"

#include "arrays.h"
#include "util/text.h"

namespace eenet::python {

/// Arrays of what samples were answered; those of other tasks are not there. The caller's.
struct AnswerArrays {
  std::optional<py::array_t<std::int64_t>> labels;
  std::optional<py::array_t<float>> values;
};

/// @param shape Of the samples.
inline AnswerArrays copy_answers(const Answers& answers, std::vector<py::ssize_t> shape) {
  AnswerArrays out;
  if (!answers.labels.empty()) out.labels.emplace(shape, answers.labels.data());
  if (answers.num_values > 0) {
    shape.push_back(static_cast<py::ssize_t>(answers.num_values));
    out.values.emplace(std::move(shape), answers.values.data());
  } else if (!out.labels) {
    out.labels.emplace(std::move(shape));  // Of no samples.
  }
  return out;
}

/// For what a network of another task has no answer to: hasattr() says so, too.
/// @throws py::attribute_error
[[noreturn]] inline void has_no(const char* owner, const char* name, const char* instead) {
  throw py::attribute_error(
      cat(owner, " has no ", name, ": the network has another task, see ", instead));
}

/// An attribute that the results of one task have.
template <typename T>
const T& of_task(const std::optional<T>& value, const char* owner, const char* name,
                 const char* instead) {
  if (!value) has_no(owner, name, instead);
  return *value;
}

}  // namespace eenet::python
