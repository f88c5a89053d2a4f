#include "result.h"

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"

#include "bindings.h"
#include "result_parts.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

py::typing::Tuple<py::float_, py::ellipsis> get_scores(const Answer& result) {
  py::tuple out(result.scores.size());
  for (std::size_t i = 0; i < result.scores.size(); ++i) {
    out[i] = py::float_(static_cast<double>(result.scores[i]));
  }
  return out;
}

/// Whether the network classifies.
bool classifies(const Answer& result) {
  return !result.probabilities.empty();
}

std::optional<py::array_t<float>> get_logits(const Answer& result) {
  if (!classifies(result)) has_no("Result", "logits", "outputs");
  if (result.outputs.empty()) return std::nullopt;
  return copy_matrix(std::span<const float>(result.outputs), result.exit + 1);
}

std::optional<ExitArrays> get_outputs(const Answer& result) {
  if (result.output_shapes.empty()) return std::nullopt;
  py::list exits;
  const float* from = result.outputs.data();
  for (const auto& shapes : result.output_shapes) {
    py::list tensors;
    for (const std::vector<std::int64_t>& shape : shapes) {
      py::array_t<float> tensor(array_shape(shape), from);
      from += tensor.size();
      tensors.append(std::move(tensor));
    }
    exits.append(py::tuple(tensors));
  }
  return py::reinterpret_steal<ExitArrays>(py::tuple(exits).release());
}

std::string repr(const Answer& result) {
  std::ostringstream out = text_stream();
  out << "Result(";
  if (classifies(result)) {
    out << std::fixed << "label=" << result.label << ", probability=" << std::setprecision(4)
        << result.probabilities[result.label];
  } else {
    out << "value=[" << join(result.value) << "]" << std::fixed;
  }
  out << ", exit=" << result.exit << ", latency_ms=" << std::setprecision(3) << result.latency_ms
      << of_batch(result.batch_size) << ")";
  const std::string text = out.str();
  if (result.complete()) return text;
  return cat("Result(complete=False, handoff of ", result.handoff.size(), " bytes, so far ", text,
             ")");
}

constexpr auto kResultMembers = std::make_tuple(
    &Result::label, &Result::exit, &Result::stopped_by, &Result::schedule, &Result::adapted,
    &Result::audit_agrees, &Result::audit_label, &Result::audit_value, &Result::handoff,
    &Result::probabilities, &Result::value, &Result::scores, &Result::output_shapes,
    &Result::outputs, &Result::explanations, &Result::segment_ms, &Result::latency_ms,
    &Result::backend_ms, &Answer::class_name, &Answer::batch_size);

PickledState get_state(const Answer& answer) {
  return std::apply([&](auto... members) { return pack(answer, members...); }, kResultMembers);
}

Answer set_state(const PickledState& state) {
  const char* const name = "Result";
  auto answer = std::apply([&](auto... members) { return unpack<Answer>(state, name, members...); },
                           kResultMembers);
  const bool answered = classifies(answer)
                            ? answer.value.empty() && answer.label < answer.probabilities.size()
                            : !answer.value.empty();
  expect_consistent(answered && known(answer.stopped_by) && answer.batch_size >= 1 &&
                        has_numbers(answer, answer.exit + 1, 1),
                    name);
  return answer;
}

}  // namespace

void register_result(py::module_& module) {
  py::class_<Answer> cls(
      module, "Result", "The answer for one sample. Arrays are copies. Can be copied and pickled.");
  cls.def_property_readonly(
         "label",
         [](const Answer& result) {
           if (!classifies(result)) has_no("Result", "label", "value");
           return result.label;
         },
         "Index of the answered class; of classification.")
      .def_property_readonly(
          "class_name",
          [](const Answer& result) {
            if (!classifies(result)) has_no("Result", "class_name", "value");
            return result.class_name;
          },
          "Its name; of classification.")
      .def_property_readonly(
          "value",
          [](const Answer& result) {
            if (classifies(result)) has_no("Result", "value", "label");
            return copy_array<float>(result.value);
          },
          "Answered values, float32 (D,); of regression.")
      .def_readonly("exit", &Result::exit,
                    "Index of the exit taken; if not `complete`, of the one that answers so far.")
      .def_property_readonly("complete", &Answer::complete,
                             "Whether an exit of this bundle answered. If not, answer, "
                             "probabilities and scores are those of its last exit.")
      .def_property_readonly(
          "handoff", [](const Answer& result) { return handoff_bytes(result.handoff); },
          "If not `complete`, what `Runtime.resume` goes on with where the rest of the network is; "
          "see docs/handoff.md. Else None.")
      .def_property_readonly(
          "probabilities",
          [](const Answer& result) {
            if (!classifies(result)) has_no("Result", "probabilities", "value");
            return copy_array<float>(result.probabilities);
          },
          "Probability of each class at the exit taken, float32 (C,); of classification.")
      .def_property_readonly(
          "probability",
          [](const Answer& result) {
            if (!classifies(result)) has_no("Result", "probability", "value");
            return result.probabilities[result.label];
          },
          "That of the answered class; of classification.")
      .def_property_readonly("scores", &get_scores,
                             "Confidence score of each exit passed, the exit taken included (0 for "
                             "a disabled exit and the last one); empty at full depth.")
      .def_property_readonly("outputs", &get_outputs,
                             "What each of the exits passed put out, a tuple of float32 arrays in "
                             "the manifest's order; None unless `return_outputs` was set.")
      .def_property_readonly("logits", &get_logits,
                             "The same of classification, float32 (exit + 1, C), or None.")
      .def_property_readonly(
          "stopped_by", [](const Answer& result) { return stop_reason_name(result.stopped_by); },
          "Why it left there: `policy` (the exit accepted, or is the last one), `max_exit`, "
          "`deadline` or `forced_exit`; or `handed_on`, if not `complete`.")
      .def_readonly("schedule", &Result::schedule,
                    "Index of the schedule in force; None under another policy or at full depth.")
      .def_readonly("adapted", &Result::adapted,
                    "Whether its thresholds were adapted to a drift; see `Runtime.watch`.")
      .def_readonly("audit_agrees", &Result::audit_agrees,
                    "Whether the last exit answers alike, if the sample left early and was "
                    "audited; else None. Values are alike that differ by at most half the error "
                    "scale of the bundle.")
      .def_readonly("audit_label", &Result::audit_label,
                    "What the last exit answers then, in classification; else None.")
      .def_property_readonly(
          "audit_value",
          [](const Answer& result) -> std::optional<py::array_t<float>> {
            if (result.audit_value.empty()) return std::nullopt;
            return copy_array<float>(result.audit_value);
          },
          "Likewise in regression, float32 (D,).")
      .def_readonly("explanations", &Result::explanations,
                    "The decision of each exit passed, if `explain` was set; empty at full depth.")
      .def_readonly("segment_ms", &Result::segment_ms,
                    "Wall time of each segment run here, its exit head and the decision included; "
                    "in a batch, that of the whole batch.")
      .def_readonly("batch_size", &Answer::batch_size,
                    "Samples that the times are of: 1, or as many as the batch had that the sample "
                    "was one of.")
      .def_readonly("latency_ms", &Result::latency_ms,
                    "Wall time from the input check to the answer, without the Python call; in a "
                    "batch, that of the whole batch: the samples of one ran together, so that none "
                    "has a time of its own.")
      .def_readonly("backend_ms", &Result::backend_ms, "The part of it inside ONNX Runtime.")
      .def("__repr__", &repr);
  def_state(cls, &get_state, &set_state);
  def_to_dict(cls);
}

}  // namespace eenet::python
