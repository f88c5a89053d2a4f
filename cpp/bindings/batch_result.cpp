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
#include "result.h"
#include "result_parts.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {

template <>
struct State<Answers> {
  static py::object pack(const Answers& answers) {
    return py::make_tuple(State<std::vector<std::int64_t>>::pack(answers.labels),
                          State<std::vector<float>>::pack(answers.values), answers.num_values);
  }
  static Answers unpack(py::handle state) {
    const auto items = py::reinterpret_borrow<py::tuple>(state);
    Answers out;
    out.labels = State<std::vector<std::int64_t>>::unpack(items[0]);
    out.values = State<std::vector<float>>::unpack(items[1]);
    out.num_values = items[2].cast<std::size_t>();
    return out;
  }
};

namespace {

using namespace pybind11::literals;

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

py::array_t<float> copy_rows(const BatchResult& result, const std::vector<float>& values,
                             std::size_t width) {
  return py::array_t<float>(
      {static_cast<py::ssize_t>(result.size()), static_cast<py::ssize_t>(width)}, values.data());
}

py::array_t<float> copy_scores(const BatchResult& result) {
  if (!result.scores.empty()) return copy_rows(result, result.scores, result.num_exits);
  const std::vector<float> none(result.size() * result.num_exits,
                                std::numeric_limits<float>::quiet_NaN());
  return copy_rows(result, none, result.num_exits);
}

std::optional<py::array_t<float>> copy_probabilities(const BatchResult& result) {
  if (result.num_classes == 0) return std::nullopt;
  return copy_rows(result, result.probabilities, result.num_classes);
}

std::optional<py::array_t<float>> get_batch_logits(const BatchAnswers& answers) {
  const BatchResult& result = answers.result;
  if (!answers.probabilities) has_no("BatchResult", "logits", "outputs");
  if (result.outputs.empty()) return std::nullopt;
  const auto size = [](std::size_t count) { return static_cast<py::ssize_t>(count); };
  return py::array_t<float>({size(result.size()), size(result.num_exits), size(result.num_classes)},
                            result.outputs.data());
}

std::optional<ExitArrays> get_batch_outputs(const BatchAnswers& answers) {
  const BatchResult& result = answers.result;
  if (result.output_shapes.empty()) return std::nullopt;
  const std::size_t width = result.output_offset(result.num_exits);
  const auto samples = static_cast<py::ssize_t>(result.size());
  const float* from = result.outputs.data();
  py::list exits;
  for (const auto& shapes : result.output_shapes) {
    py::list tensors;
    for (const std::vector<std::int64_t>& each : shapes) {
      std::vector<py::ssize_t> shape = array_shape(each);
      shape.insert(shape.begin(), samples);
      py::array_t<float> tensor(shape);
      const auto size = static_cast<std::size_t>(samples == 0 ? 0 : tensor.size() / samples);
      for (std::size_t row = 0; row < result.size(); ++row) {
        std::copy_n(from + row * width, size, tensor.mutable_data() + row * size);
      }
      from += size;
      tensors.append(std::move(tensor));
    }
    exits.append(py::tuple(tensors));
  }
  return py::reinterpret_steal<ExitArrays>(py::tuple(exits).release());
}

Answer get_item(const BatchAnswers& answers, py::ssize_t index) {
  const auto size = static_cast<py::ssize_t>(answers.result.size());
  if (index < -size || index >= size) {
    throw py::index_error(cat("sample ", index, " of a batch of ", size));
  }
  const auto sample = static_cast<std::size_t>(index < 0 ? index + size : index);
  Answer answer(answers.result.at(sample),
                answers.class_names.empty() ? std::string() : answers.class_names[sample]);
  answer.batch_size = answers.batch_size;
  return answer;
}

BatchAnswers get_slice(const BatchAnswers& answers, const py::slice& slice) {
  std::size_t start = 0;
  std::size_t stop = 0;
  std::size_t step = 0;
  std::size_t count = 0;
  if (!slice.compute(answers.result.size(), &start, &stop, &step, &count)) {
    throw py::error_already_set();
  }
  std::vector<std::size_t> samples;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    samples.push_back(start + i * step);  // A negative step wraps around, as unsigned numbers do.
    if (!answers.class_names.empty()) names.push_back(answers.class_names[samples.back()]);
  }
  return {answers.result.select(samples), std::move(names), answers.batch_size};
}

/// Python's own iterator over a sequence: it asks for one item at a time.
py::typing::Iterator<Answer> iterate(py::handle answers) {
  return py::reinterpret_steal<py::typing::Iterator<Answer>>(PySeqIter_New(answers.ptr()));
}

std::string batch_repr(const BatchAnswers& answers) {
  const BatchResult& result = answers.result;
  std::vector<std::size_t> taken(result.num_exits);
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result.stopped_by[i] == StopReason::kHandedOn) continue;
    ++taken[static_cast<std::size_t>(result.exits[i])];
  }
  std::vector<std::string> left;
  for (std::size_t k = 0; k < taken.size(); ++k) {
    if (taken[k] > 0) left.push_back(cat(taken[k], " left at exit ", k));
  }
  if (const auto rest = std::ranges::count(result.stopped_by, StopReason::kHandedOn); rest > 0) {
    left.push_back(cat(rest, " to be handed on"));
  }
  const char* const colon = left.empty() ? "" : ": ";
  return cat("BatchResult(", result.size(), " samples", colon, join(left),
             "; latency_ms=", result.latency_ms, " of the whole batch of ", answers.batch_size,
             ")");
}

constexpr auto kBatchMembers = std::make_tuple(
    &BatchResult::num_exits, &BatchResult::num_classes, &BatchResult::num_values,
    &BatchResult::first_exit, &BatchResult::labels, &BatchResult::exits, &BatchResult::stopped_by,
    &BatchResult::schedule, &BatchResult::adapted, &BatchResult::audit_agrees, &BatchResult::audits,
    &BatchResult::handoffs, &BatchResult::probabilities, &BatchResult::values, &BatchResult::scores,
    &BatchResult::output_shapes, &BatchResult::outputs, &BatchResult::explanations,
    &BatchResult::segment_ms, &BatchResult::latency_ms, &BatchResult::backend_ms);

PickledState get_batch_state(const BatchAnswers& answers) {
  const py::tuple packed =
      std::apply([&](auto... members) { return pack(answers.result, members...); }, kBatchMembers);
  return py::make_tuple(packed, State<std::vector<std::string>>::pack(answers.class_names),
                        answers.batch_size);
}

void check(const BatchResult& result, std::size_t names) {
  const auto has = [&result](std::size_t values, std::size_t width, bool optional = true) {
    return values == result.size() * width || (optional && values == 0);
  };
  const auto within = [](const std::vector<std::int64_t>& indices, std::size_t end) {
    return std::ranges::all_of(indices, [end](std::int64_t index) {
      return index >= 0 && static_cast<std::size_t>(index) < end;
    });
  };
  const std::size_t exits = result.num_exits;
  const std::size_t classes = result.num_classes;
  const std::size_t values = result.num_values;
  const std::size_t labelled = classes > 0 ? 1 : 0;
  const bool audits =
      result.audit_agrees.empty() || (has(result.audits.labels.size(), labelled, false) &&
                                      has(result.audits.values.size(), values, false));
  const bool sizes = (classes == 0) != (values == 0) && has(result.stopped_by.size(), 1, false) &&
                     has(result.labels.size(), labelled, false) && has(names, labelled, false) &&
                     has(result.probabilities.size(), classes, false) &&
                     has(result.values.size(), values, false) &&
                     has(result.audit_agrees.size(), 1) && audits &&
                     has(result.handoffs.size(), 1) && has(result.explanations.size(), 1) &&
                     has(result.scores.size(), exits) &&
                     has_numbers(result, result.output_shapes.empty() ? 0 : exits, result.size());
  expect_consistent(
      sizes && within(result.labels, classes) && within(result.exits, exits) &&
          std::ranges::all_of(result.stopped_by, &known) &&
          std::ranges::all_of(result.exits,
                              [&result](std::int64_t exit) {
                                const auto passed = static_cast<std::size_t>(exit) + 1;
                                return passed >= result.first_exit &&
                                       passed - result.first_exit <= result.segment_ms.size();
                              }),
      "BatchResult");
}

BatchAnswers set_batch_state(const PickledState& state) {
  expect_consistent(state.size() == 3 && py::isinstance<py::tuple>(state[0]) &&
                        py::isinstance<py::int_>(state[2]),
                    "BatchResult");
  auto result = std::apply(
      [&](auto... members) {
        return unpack<BatchResult>(state[0].cast<PickledState>(), "BatchResult", members...);
      },
      kBatchMembers);
  auto names = State<std::vector<std::string>>::unpack(state[1]);
  check(result, names.size());
  const auto batch_size = state[2].cast<std::size_t>();
  expect_consistent(batch_size >= result.size(), "BatchResult");
  return {std::move(result), std::move(names), batch_size};
}

}  // namespace

void register_batch_result(py::module_& module) {
  py::class_<BatchAnswers> cls(module, "BatchResult",
                               R"(The answers for the samples of a batch, in the order of the input.

A sequence of one `Result` a sample, and arrays over all of them. The arrays are copies. A slice is
a BatchResult of some of the samples. Can be copied and pickled.)");
  cls.def_property_readonly(
         "labels",
         [](const BatchAnswers& batch) {
           return of_task(batch.answers.labels, "BatchResult", "labels", "values");
         },
         "Indices of the answered classes, int64 (N,); of classification.")
      .def_property_readonly(
          "class_names",
          [](const BatchAnswers& batch) {
            if (!batch.answers.labels) has_no("BatchResult", "class_names", "values");
            return batch.class_names;
          },
          "Names of these classes, N; of classification.")
      .def_property_readonly(
          "values",
          [](const BatchAnswers& batch) {
            return of_task(batch.answers.values, "BatchResult", "values", "labels");
          },
          "Answered values, float32 (N, D); of regression.")
      .def_readonly("exits", &BatchAnswers::exits,
                    "Index of the exit that each sample took, int64 (N,).")
      .def_readonly("batch_size", &BatchAnswers::batch_size,
                    "Samples of the batch that the times are of: more than N in a slice.")
      .def_readonly("complete", &BatchAnswers::complete,
                    "Whether an exit of this bundle answered each sample, bool (N,).")
      .def_property_readonly("handoffs", &get_handoffs,
                             "As `Result.handoff`, for each sample; None where it is complete.")
      .def_property_readonly(
          "probabilities",
          [](const BatchAnswers& batch) {
            return of_task(batch.probabilities, "BatchResult", "probabilities", "values");
          },
          "Probability of each class at the exit taken, float32 (N, C); of classification.")
      .def_readonly("scores", &BatchAnswers::scores,
                    "Confidence scores of the exits passed, the exit taken included, float32 "
                    "(N, K); NaN where none was computed.")
      .def_property_readonly("outputs", &get_batch_outputs,
                             "What each of the K exits put out, a tuple of float32 arrays (N, ...) "
                             "in the manifest's order, NaN after the exit taken; None unless "
                             "`return_outputs` was set.")
      .def_property_readonly("logits", &get_batch_logits,
                             "The same of classification, float32 (N, K, C); None also without "
                             "samples.")
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
          "Wall time of the whole batch, of `batch_size` samples, from the input check to the last "
          "answer, without the Python call.")
      .def_property_readonly(
          "backend_ms", [](const BatchAnswers& answers) { return answers.result.backend_ms; },
          "The part of it inside ONNX Runtime.")
      .def("__len__", [](const BatchAnswers& answers) { return answers.result.size(); })
      .def("__getitem__", &get_item, "index"_a,
           "The answer for one sample; its times are those of the whole batch.")
      .def("__getitem__", &get_slice, "index"_a,
           "The answers for some samples; the times are those of the whole batch.")
      .def("__iter__", &iterate)
      .def("__repr__", &batch_repr);
  def_state(cls, &get_batch_state, &set_batch_state);
  def_to_dict(cls);
}

BatchAnswers::BatchAnswers(BatchResult batch, std::vector<std::string> names, std::size_t size)
    : result(std::move(batch)),
      batch_size(size),
      class_names(std::move(names)),
      answers(copy_answers(result, {static_cast<py::ssize_t>(result.size())})),
      exits(copy_array<std::int64_t>(result.exits)),
      complete(find_complete(result)),
      probabilities(copy_probabilities(result)),
      scores(copy_scores(result)) {}

}  // namespace eenet::python
