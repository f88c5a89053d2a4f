#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"
#include "eenet/runtime.h"

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "decision/exit_policy.h"
#include "gil.h"
#include "inputs/inputs.h"
#include "interrupts.h"
#include "result.h"
#include "tiers/handoff.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

CheckedArray check_input(const Manifest& manifest, const TensorSpec& spec, py::handle object,
                         InputLayout layout) {
  const auto what = [&spec] { return cat("input ", quote_name(spec.name)); };
  CheckedArray array = in_context(what, [&] { return check_array(object, spec.dtype); });
  if (!array.contiguous) {
    // A transposed array has the wrong shape as well, which says more.
    std::vector<std::int64_t> symbols(manifest.symbols.size());
    match_input(manifest, spec, array.view(), layout, symbols);
    in_context(what, [&] { check_contiguous(array); });
  }
  return array;
}

/// The caller's arrays in the manifest's order.
std::vector<CheckedArray> check_inputs(const Manifest& manifest, const InputArgument& x,
                                       InputLayout layout) {
  const auto check = [&](const TensorSpec& spec, py::handle object) {
    return check_input(manifest, spec, object, layout);
  };
  check_begins(manifest);
  const std::size_t count = manifest.inputs.size();
  std::vector<CheckedArray> arrays;
  arrays.reserve(count);
  if (!py::isinstance<py::dict>(x)) {
    if (count != 1) {
      throw Error(ErrorCode::kInput,
                  cat("x: ", py::type::of(x).attr("__name__").cast<std::string>(),
                      " came, a dict of ", count, " arrays by name expected"));
    }
    arrays.push_back(check(manifest.tensors[manifest.inputs.front()], x));
    return arrays;
  }
  const auto named = py::reinterpret_borrow<py::dict>(x);
  for (const std::size_t input : manifest.inputs) {
    const TensorSpec& spec = manifest.tensors[input];
    const py::str key(spec.name);
    if (!named.contains(key)) {
      throw Error(ErrorCode::kInput, cat("x: the input ", quote_name(spec.name), " is missing"));
    }
    arrays.push_back(check(spec, named[key]));
  }
  if (named.size() != count) {
    throw Error(ErrorCode::kInput, cat("x: ", named.size(), " arrays came, ", count, " expected"));
  }
  return arrays;
}

std::optional<const ExitPolicy*> check_policy(const PolicyArgument& policy) {
  if (policy.is(py::ellipsis())) return std::nullopt;
  if (policy.is_none()) return nullptr;
  if (!py::isinstance<ExitPolicy>(policy)) {
    throw Error(ErrorCode::kInput, "policy: an ExitPolicy or None expected");
  }
  return policy.cast<const ExitPolicy*>();
}

using ForcedExit = std::optional<Given<"forced_exit", std::int64_t>>;
using MaxExit = std::optional<Given<"max_exit", std::int64_t>>;
using Costs = std::optional<Given<"costs", std::vector<double>>>;
using DeadlineMs = std::optional<Given<"deadline_ms", double>>;
using HandoffDtype = Given<"handoff_dtype", std::string>;

std::optional<std::size_t> check_exit(const char* what, std::optional<std::int64_t> exit) {
  if (!exit) return std::nullopt;
  if (*exit < 0) {
    throw Error(ErrorCode::kInput, cat(what, ": ", *exit, " came, an exit from 0 on expected"));
  }
  return static_cast<std::size_t>(*exit);
}

bool check_half(const std::string& dtype) {
  if (dtype != "float32" && dtype != "float16") {
    throw Error(ErrorCode::kInput, cat("handoff_dtype: ", quote_name(dtype),
                                       " came, 'float32' or 'float16' expected"));
  }
  return dtype == "float16";
}

/// The options of all calls, checked.
InferOptions check_options(const PolicyArgument& policy, ForcedExit forced_exit, MaxExit max_exit,
                           bool return_outputs, bool explain, const HandoffDtype& handoff_dtype) {
  InferOptions options;
  options.policy = check_policy(policy);
  options.forced_exit = check_exit("forced_exit", forced_exit);
  options.max_exit = check_exit("max_exit", max_exit);
  options.return_outputs = return_outputs;
  options.explain = explain;
  options.half_handoff = check_half(handoff_dtype);
  return options;
}

/// The same bytes, which Python never changes; a copy of a buffer that it may.
py::bytes check_handoff(const HandoffArgument& handoff) {
  if (py::isinstance<py::bytes>(handoff)) return py::reinterpret_borrow<py::bytes>(handoff);
  if (PyObject_CheckBuffer(handoff.ptr()) == 0) {
    const char* const result =
        py::isinstance<Answer>(handoff) ? " (see its attribute handoff)" : "";
    throw py::type_error(cat("handoff: ", type_name(handoff), " came, bytes expected", result));
  }
  const auto copy = py::reinterpret_steal<py::bytes>(PyBytes_FromObject(handoff.ptr()));
  if (!copy) throw py::error_already_set();
  return copy;
}

/// The inputs of a call, checked; keeps the caller's arrays.
struct Inputs {
  Inputs(const Runtime& runtime, const InputArgument& x, InputLayout layout)
      : arrays(check_inputs(runtime.manifest(), x, layout)) {
    views.reserve(arrays.size());
    for (const CheckedArray& array : arrays) views.push_back(array.view());
  }

  std::vector<CheckedArray> arrays;
  std::vector<TensorView> views;  // Of the arrays.
};

const std::string& class_name(const Runtime& runtime, std::size_t label) {
  return runtime.manifest().class_names[label];
}

Answer named(const Runtime& runtime, Result result) {
  if (result.probabilities.empty()) return {std::move(result), std::string()};
  const std::string& name = class_name(runtime, result.label);
  return {std::move(result), name};
}

BatchAnswers named(const Runtime& runtime, BatchResult result) {
  std::vector<std::string> names;
  for (const std::int64_t label : result.labels) {
    names.push_back(class_name(runtime, static_cast<std::size_t>(label)));
  }
  const std::size_t size = result.size();
  return {std::move(result), std::move(names), size};
}

Answer infer(Runtime& runtime, const InputArgument& x, InferOptions& options) {
  const Inputs inputs(runtime, x, InputLayout::kSample);
  Result result = interruptible([&](const std::stop_token& stop) {
    options.stop = stop;
    return runtime.infer(inputs.views, options);
  });
  return named(runtime, std::move(result));
}

Answer resume(Runtime& runtime, const HandoffArgument& handoff, InferOptions& options) {
  const py::bytes data = check_handoff(handoff);
  const std::string_view bytes = data;
  Result result = interruptible([&](const std::stop_token& stop) {
    options.stop = stop;
    return runtime.resume(std::as_bytes(std::span(bytes)), options);
  });
  return named(runtime, std::move(result));
}

BatchAnswers infer_batch(Runtime& runtime, const InputArgument& x, InferOptions& options) {
  const Inputs inputs(runtime, x, InputLayout::kBatch);
  BatchResult result = interruptible([&](const std::stop_token& stop) {
    options.stop = stop;
    return runtime.infer_batch(inputs.views, options);
  });
  return named(runtime, std::move(result));
}

/// Adds a method for one sample, with the options of all such calls.
template <typename Argument>
void def_single(RuntimeClass& cls, const char* name, const char* argument,
                Answer (*work)(Runtime&, const Argument&, InferOptions&), const char* doc) {
  const auto call = [work](const RuntimeHandle& handle, const Argument& given,
                           const PolicyArgument& policy, ForcedExit forced_exit, MaxExit max_exit,
                           DeadlineMs deadline_ms, const Costs& costs, bool return_outputs,
                           bool explain, const HandoffDtype& handoff_dtype) {
    InferOptions options =
        check_options(policy, forced_exit, max_exit, return_outputs, explain, handoff_dtype);
    options.deadline_ms = deadline_ms;
    if (costs) options.costs = costs->value;
    return work(*handle.open(), given, options);
  };
  cls.def(name, call, py::arg(argument), py::kw_only(), "policy"_a = py::ellipsis(),
          "forced_exit"_a = py::none(), "max_exit"_a = py::none(), "deadline_ms"_a = py::none(),
          "costs"_a = py::none(), "return_outputs"_a = false, "explain"_a = false,
          "handoff_dtype"_a = "float32", doc);
}

/// Adds the method for a batch, which takes no deadline.
void def_batch(RuntimeClass& cls, const char* doc) {
  const auto call = [](const RuntimeHandle& handle, const InputArgument& x,
                       const PolicyArgument& policy, ForcedExit forced_exit, MaxExit max_exit,
                       const SampleCostsArgument& costs, bool return_outputs, bool explain,
                       const HandoffDtype& handoff_dtype) {
    InferOptions options =
        check_options(policy, forced_exit, max_exit, return_outputs, explain, handoff_dtype);
    options.costs = check_sample_costs(costs, "costs");
    return infer_batch(*handle.open(), x, options);
  };
  cls.def("infer_batch", call, "x"_a, py::kw_only(), "policy"_a = py::ellipsis(),
          "forced_exit"_a = py::none(), "max_exit"_a = py::none(), "costs"_a = py::none(),
          "return_outputs"_a = false, "explain"_a = false, "handoff_dtype"_a = "float32", doc);
}

}  // namespace

void def_infer(RuntimeClass& cls) {
  def_single(cls, "infer", "x", &infer, R"(Answer one sample.

Thread-safe; the GIL is released while it computes, and Ctrl-C in the main thread ends it. The input
is copied, never converted.

Args:
    x: Preprocessed input without a batch axis: a C-contiguous array of the dtype and shape in
        `inputs`, or a dict with one for each name.
    policy: When to stop. Left out: the schedule or controller in force. None: full depth, where the
        last exit answers alone.
    forced_exit: Leave at exactly this exit, whatever the scores, heads and scoring included: for
        measuring what it costs. Such runs are not counted in `stats`.
    max_exit: Leave at this exit at the latest.
    deadline_ms: Time from the call on. A segment that would miss it by the 95 % quantile of its
        recent times (`segment_p95_ms`) is not begun, and the deepest exit passed answers:
        `Result.stopped_by` is then `deadline`. Where that time has been in the way for a quarter of
        a second, one call is let through, late or not, to see whether it still holds; where it does,
        the next one after twice as long, up to a minute.
    costs: What this sample costs if it leaves at each of the K exits, where that depends on the
        sample, as on the length of a text: what `stats` and a controller book. In the unit of
        `Runtime.costs`, which they stand in for.
    return_outputs: Copy what every exit passed puts out into the result.
    explain: Take the decisions of the exits passed apart, see `Result.explanations`.
    handoff_dtype: How `float32` tensors travel where the sample is handed on: as they are, or
        rounded to `float16`. See `Result.handoff`.

Raises:
    InputError: If an input has a wrong dtype, shape, strides or a NaN or infinite value, an exit is
        not one of the network's, `deadline_ms` is not positive, or `forced_exit` came with
        `max_exit` or `deadline_ms`; or `float16` does not hold a number of a hand-off.
    ConfigurationError: If the bundle is a slice without the first exit.
    BudgetError: If not even the first exit would keep the deadline.
    NonFiniteError: If an exit put out NaN or infinite numbers.
    BackendError: If ONNX Runtime failed.)");
  def_batch(cls, R"(Answer a batch; each sample leaves at its own exit.

After an exit only the samples that stay are computed further. Thread-safe; the GIL is released
while it computes, and Ctrl-C in the main thread ends it. The input is copied, never converted.
Memory grows with the largest batch so far and is kept.

Args:
    x: Preprocessed input as for `infer`, with the batch axis in front: 1 to `max_batch` samples.
    policy: As for `infer`; one schedule for the whole batch.
    forced_exit: As for `infer`.
    max_exit: As for `infer`.
    costs: As for `infer`, of each sample, float64 (N, K).
    return_outputs: As for `infer`.
    explain: As for `infer`; the explanations are in the items of the result.
    handoff_dtype: As for `infer`.

Returns:
    The answers in the order of the input: what `infer` answers one by one, but for the last bits
    of what exits put out, which may move a sample whose score is next to a threshold.

Raises:
    InputError: As `infer`.
    NonFiniteError: If an exit put out NaN or infinite numbers for one of the samples.
    BackendError: If ONNX Runtime failed, or there is no memory for the batch.)");
  def_single(cls, "resume", "handoff", &resume,
             R"(Go on with a sample that another machine handed on, as if it had begun here.

Same exits, same logits, same scores; see docs/handoff.md. Nothing is changed by it, so that a retry
is safe. The policy is the one that the sample began with, its thresholds included, whatever is in
force here. Thread-safe; the GIL is released while it computes.

Args:
    handoff: `Result.handoff` of a slice of the same network.
    policy: Left out: the schedule of this bundle with the scorers and combiner that the sample
        began with. An ExitPolicy in its place must have the same; the thresholds are the
        hand-off's.
    forced_exit: As for `infer`, from the next exit on.
    max_exit: As for `infer`, from the next exit on.
    deadline_ms: As for `infer`, from this call on.
    costs: As for `infer`; of all exits.
    return_outputs: As for `infer`; of the exits passed elsewhere, what has travelled: logits.
    explain: As for `infer`, for the exits passed here.
    handoff_dtype: As for `infer`, where this bundle hands on in turn.

Raises:
    InputError: If the hand-off is damaged, of another version or another network, or an option is
        wrong as for `infer`.
    ConfigurationError: If the bundle does not hold the next exit, or has no schedule for the sample.
    BudgetError: If not even the next exit would keep the deadline.
    NonFiniteError: If an exit put out NaN or infinite numbers.
    BackendError: If ONNX Runtime failed.)");
  cls.def("stats", on_open(&Runtime::stats), py::call_guard<ReleasedGil>(),
          "What was done since the load or the last `reset_stats`.")
      .def("reset_stats", on_open(&Runtime::reset_stats), "Start counting anew.")
      .def_property_readonly("segment_p95_ms", on_open(&Runtime::segment_p95_ms),
                             "95 % quantile of the last 256 times of each segment on single "
                             "samples, exit head and decision included: what deadlines are kept "
                             "by. Of fewer than 20 the median; at first from the warm-up at load.");
}

}  // namespace eenet::python
