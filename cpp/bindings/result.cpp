#include "result.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "bindings.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

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
  if (result.complete()) return text;
  return cat("Result(complete=False, handoff of ", result.handoff.size(), " bytes, so far ", text,
             ")");
}

std::optional<py::bytes> handoff_bytes(const std::vector<std::byte>& handoff) {
  if (handoff.empty()) return std::nullopt;
  return py::bytes(reinterpret_cast<const char*>(handoff.data()), handoff.size());
}

std::vector<std::optional<py::bytes>> get_handoffs(const BatchAnswers& answers) {
  std::vector<std::optional<py::bytes>> out(answers.result.size());
  for (std::size_t i = 0; i < answers.result.handoffs.size(); ++i) {
    out[i] = handoff_bytes(answers.result.handoffs[i]);
  }
  return out;
}

py::array_t<bool> find_complete(const BatchResult& result) {
  const std::vector<StopReason>& reasons = result.stopped_by;
  py::array_t<bool> out(static_cast<py::ssize_t>(reasons.size()));
  std::transform(reasons.begin(), reasons.end(), out.mutable_data(),
                 [](StopReason reason) { return reason != StopReason::kHandedOn; });
  return out;
}

/// Names of why each sample left.
py::typing::List<py::str> get_stops(const BatchAnswers& answers) {
  py::typing::List<py::str> out;
  for (const StopReason reason : answers.result.stopped_by) out.append(stop_reason_name(reason));
  return out;
}

py::array_t<float> copy_scores(const BatchResult& result) {
  if (!result.scores.empty()) {
    return copy_matrix(std::span<const float>(result.scores), result.size());
  }
  const std::vector<float> none(result.size() * result.num_exits,
                                std::numeric_limits<float>::quiet_NaN());
  return copy_matrix(std::span<const float>(none), result.size());
}

std::optional<py::array_t<float>> copy_logits(const BatchResult& result) {
  if (result.logits.empty()) return std::nullopt;
  const auto size = [](std::size_t count) { return static_cast<py::ssize_t>(count); };
  return py::array_t<float>({size(result.size()), size(result.num_exits), size(result.num_classes)},
                            result.logits.data());
}

Result get_item(const BatchAnswers& answers, py::ssize_t index) {
  const auto size = static_cast<py::ssize_t>(answers.result.size());
  if (index < -size || index >= size) {
    throw py::index_error(cat("sample ", index, " of a batch of ", size));
  }
  return answers.result.at(static_cast<std::size_t>(index < 0 ? index + size : index));
}

/// Python's own iterator over a sequence: it asks for one item at a time.
py::typing::Iterator<Result> iterate(py::handle answers) {
  return py::reinterpret_steal<py::typing::Iterator<Result>>(PySeqIter_New(answers.ptr()));
}

std::string batch_repr(const BatchAnswers& answers) {
  const BatchResult& result = answers.result;
  std::vector<std::size_t> left(result.num_exits);
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result.stopped_by[i] == StopReason::kHandedOn) continue;
    ++left[static_cast<std::size_t>(result.exits[i])];
  }
  return cat("BatchResult(samples=", result.size(), ", exits taken=[", join(left),
             "], latency_ms=", result.latency_ms, ")");
}

void register_batch_result(py::module_& module) {
  py::class_<BatchAnswers>(module, "BatchResult",
                           R"(The answers for the samples of a batch, in the order of the input.

A sequence of one `Result` a sample, and arrays over all of them. The arrays are copies.)")
      .def_readonly("labels", &BatchAnswers::labels, "Indices of the answered classes, int64 (N,).")
      .def_readonly("exits", &BatchAnswers::exits, "Indices of the exits taken, int64 (N,).")
      .def_readonly("complete", &BatchAnswers::complete,
                    "Whether an exit of this bundle answered each sample, bool (N,).")
      .def_property_readonly("handoffs", &get_handoffs,
                             "As `Result.handoff`, for each sample; None where it is complete.")
      .def_readonly("probabilities", &BatchAnswers::probabilities,
                    "Probability of each class at the exit taken, float32 (N, C).")
      .def_readonly("scores", &BatchAnswers::scores,
                    "Confidence scores of the exits passed, the exit taken included, float32 "
                    "(N, K); NaN where none was computed.")
      .def_readonly("logits", &BatchAnswers::logits,
                    "Logits of the exits passed, float32 (N, K, C), NaN after the exit taken; None "
                    "unless `return_logits` was set.")
      .def_property_readonly("stopped_by", &get_stops,
                             "Why each sample left where it did, as in `Result`.")
      .def_property_readonly(
          "schedule", [](const BatchAnswers& answers) { return answers.result.schedule; },
          "Index of the schedule in force; None under another policy or at full depth.")
      .def_property_readonly(
          "adapted", [](const BatchAnswers& answers) { return answers.result.adapted; },
          "Whether its thresholds were adapted to a drift.")
      .def_property_readonly(
          "segment_ms", [](const BatchAnswers& answers) { return answers.result.segment_ms; },
          "Wall time of each segment that was run, exit head and decisions included.")
      .def_property_readonly(
          "latency_ms", [](const BatchAnswers& answers) { return answers.result.latency_ms; },
          "Wall time of the batch from the input check to the last answer, without the Python "
          "call.")
      .def_property_readonly(
          "backend_ms", [](const BatchAnswers& answers) { return answers.result.backend_ms; },
          "The part of it inside ONNX Runtime.")
      .def("__len__", [](const BatchAnswers& answers) { return answers.result.size(); })
      .def("__getitem__", &get_item, "index"_a,
           "The answer for one sample; its times are those of the batch.")
      .def("__iter__", &iterate)
      .def("__repr__", &batch_repr);
}

}  // namespace

BatchAnswers::BatchAnswers(BatchResult answers)
    : result(std::move(answers)),
      labels(copy_array<std::int64_t>(result.labels)),
      exits(copy_array<std::int64_t>(result.exits)),
      complete(find_complete(result)),
      probabilities(copy_matrix(std::span<const float>(result.probabilities), result.size())),
      scores(copy_scores(result)),
      logits(copy_logits(result)) {}

void register_result(py::module_& module) {
  py::class_<Result>(module, "Result", "The answer for one sample. Arrays are copies.")
      .def_readonly("label", &Result::label, "Index of the answered class.")
      .def_readonly("exit", &Result::exit,
                    "Index of the exit taken; if not `complete`, of the one that answers so far.")
      .def_property_readonly("complete", &Result::complete,
                             "Whether an exit of this bundle answered. If not, answer, "
                             "probabilities and scores are those of its last exit.")
      .def_property_readonly(
          "handoff", [](const Result& result) { return handoff_bytes(result.handoff); },
          "If not `complete`, what `Runtime.resume` goes on with where the rest of the network is; "
          "see docs/handoff.md. Else None.")
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
      .def_property_readonly(
          "stopped_by", [](const Result& result) { return stop_reason_name(result.stopped_by); },
          "Why it left there: `policy` (the exit accepted, or is the last one), `max_exit`, "
          "`deadline` or `forced_exit`; or `handed_on`, if not `complete`.")
      .def_readonly("schedule", &Result::schedule,
                    "Index of the schedule in force; None under another policy or at full depth.")
      .def_readonly("adapted", &Result::adapted,
                    "Whether its thresholds were adapted to a drift; see `Runtime.watch`.")
      .def_readonly("audit_label", &Result::audit_label,
                    "What the last exit answers, if the sample left early and was audited.")
      .def_readonly("explanations", &Result::explanations,
                    "The decision of each exit passed, if `explain` was set; empty at full depth.")
      .def_readonly("segment_ms", &Result::segment_ms,
                    "Wall time of each segment run here, its exit head and the decision included; "
                    "in a batch, that of the batch.")
      .def_readonly("latency_ms", &Result::latency_ms,
                    "Wall time from the input check to the answer, without the Python call; in a "
                    "batch, that of the batch.")
      .def_readonly("backend_ms", &Result::backend_ms, "The part of it inside ONNX Runtime.")
      .def("__repr__", &repr);
  register_batch_result(module);
}

}  // namespace eenet::python
