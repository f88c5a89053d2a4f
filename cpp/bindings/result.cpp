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

std::vector<py::ssize_t> array_shape(const std::vector<std::int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

/// Of each exit a tuple of what it put out.
using ExitArrays =
    py::typing::Tuple<py::typing::Tuple<py::array_t<float>, py::ellipsis>, py::ellipsis>;

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

bool known(StopReason reason) {
  return static_cast<std::size_t>(reason) < kStopReasons;
}

/// What a time is of, behind it; nothing where it is the sample's own.
std::string of_batch(std::size_t size) {
  return size == 1 ? std::string() : cat(" of the whole batch of ", size);
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

// --- pickling ---

void expect(bool consistent, const char* name) {
  if (!consistent) throw Error(ErrorCode::kInput, cat(name, ": its pickled state is inconsistent"));
}

constexpr auto kResultMembers = std::make_tuple(
    &Result::label, &Result::exit, &Result::stopped_by, &Result::schedule, &Result::adapted,
    &Result::audit_agrees, &Result::audit_label, &Result::audit_value, &Result::handoff,
    &Result::probabilities, &Result::value, &Result::scores, &Result::output_shapes,
    &Result::outputs, &Result::explanations, &Result::segment_ms, &Result::latency_ms,
    &Result::backend_ms, &Answer::class_name, &Answer::batch_size);

/// How many numbers there are of the first exits.
bool has_numbers(const ExitOutputs& outputs, std::size_t exits, std::size_t samples) {
  if (outputs.output_shapes.empty()) return outputs.outputs.empty();
  for (const auto& shapes : outputs.output_shapes) {
    for (const std::vector<std::int64_t>& shape : shapes) {
      if (std::ranges::any_of(shape, [](std::int64_t size) { return size < 1; })) return false;
    }
  }
  return outputs.output_shapes.size() == exits &&
         outputs.outputs.size() == samples * outputs.output_offset(exits);
}

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
  expect(answered && known(answer.stopped_by) && answer.batch_size >= 1 &&
             has_numbers(answer, answer.exit + 1, 1),
         name);
  return answer;
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
  expect(sizes && within(result.labels, classes) && within(result.exits, exits) &&
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
  expect(state.size() == 3 && py::isinstance<py::tuple>(state[0]) &&
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
  expect(batch_size >= result.size(), "BatchResult");
  return {std::move(result), std::move(names), batch_size};
}

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

}  // namespace

BatchAnswers::BatchAnswers(BatchResult batch, std::vector<std::string> names, std::size_t size)
    : result(std::move(batch)),
      batch_size(size),
      class_names(std::move(names)),
      answers(copy_answers(result, {static_cast<py::ssize_t>(result.size())})),
      exits(copy_array<std::int64_t>(result.exits)),
      complete(find_complete(result)),
      probabilities(copy_probabilities(result)),
      scores(copy_scores(result)) {}

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
  register_batch_result(module);
}

}  // namespace eenet::python
