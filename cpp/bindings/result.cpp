#include <cstdio>
#include <optional>
#include <span>
#include <string>

#include <pybind11/stl.h>

#include "eenet/runner.h"

#include "arrays.h"
#include "bindings.h"

namespace eenet::python {
namespace {

py::typing::Tuple<py::float_, py::ellipsis> get_scores(const Result& result) {
  py::tuple out(result.scores.size());
  for (std::size_t i = 0; i < result.scores.size(); ++i) {
    out[i] = py::float_(static_cast<double>(result.scores[i]));
  }
  return out;
}

std::optional<py::array_t<float>> get_logits(const Result& result) {
  if (result.logits.empty()) return std::nullopt;
  return copy_matrix(std::span<const float>(result.logits), result.exit + 1);
}

std::string repr(const Result& result) {
  char text[128];
  std::snprintf(text, sizeof text, "Result(label=%zu, probability=%.4f, exit=%zu, latency_ms=%.3f)",
                result.label, static_cast<double>(result.probabilities[result.label]), result.exit,
                result.latency_ms);
  return text;
}

}  // namespace

void register_result(py::module_& module) {
  py::class_<Result>(module, "Result", "The answer for one sample. Arrays are copies.")
      .def_readonly("label", &Result::label, "Index of the answered class.")
      .def_readonly("exit", &Result::exit, "Index of the exit taken.")
      .def_property_readonly(
          "probabilities",
          [](const Result& result) { return copy_array<float>(result.probabilities); },
          "Probability of each class at the exit taken, float32 (C,).")
      .def_property_readonly("scores", &get_scores,
                             "Confidence score of each exit passed, the exit taken included (0 for "
                             "a disabled exit and the last one); empty at full depth.")
      .def_property_readonly("logits", &get_logits,
                             "Logits of the exits passed, float32 (exit + 1, C), or None unless "
                             "`return_logits` was set.")
      .def_readonly("latency_ms", &Result::latency_ms,
                    "Wall time from the input check to the answer, without the Python call.")
      .def_readonly("backend_ms", &Result::backend_ms, "The part of it inside ONNX Runtime.")
      .def("__repr__", &repr);
}

}  // namespace eenet::python
