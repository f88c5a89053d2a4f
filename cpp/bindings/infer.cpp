#include <optional>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"
#include "eenet/runtime.h"

#include "arrays.h"
#include "bindings.h"
#include "result.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

/// The caller's arrays in the manifest's order.
std::vector<CheckedArray> check_inputs(const Manifest& manifest, const InputArgument& x) {
  const auto check = [](const TensorSpec& spec, py::handle array) {
    return in_context([&] { return cat("input ", quote_name(spec.name)); },
                      [&] { return check_array(array, spec.dtype); });
  };
  const std::size_t count = manifest.inputs.size();
  std::vector<CheckedArray> arrays;
  arrays.reserve(count);
  if (!py::isinstance<py::dict>(x)) {
    if (count != 1) {
      throw Error(ErrorCode::kInput,
                  cat("x: one array came, a dict of ", count, " arrays by name expected"));
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

std::size_t check_exit(std::int64_t exit) {
  if (exit < 0) {
    throw Error(ErrorCode::kInput, cat("forced_exit: ", exit, " came, an exit from 0 on expected"));
  }
  return static_cast<std::size_t>(exit);
}

/// The arguments of a call, checked; keeps the caller's arrays.
struct Call {
  Call(const Runtime& runtime, const InputArgument& x, const PolicyArgument& policy,
       std::optional<std::int64_t> forced_exit, bool return_logits)
      : arrays(check_inputs(runtime.model().manifest(), x)) {
    views.reserve(arrays.size());
    for (const CheckedArray& array : arrays) views.push_back(array.view());
    options.policy = check_policy(policy);
    if (forced_exit) options.forced_exit = check_exit(*forced_exit);
    options.return_logits = return_logits;
  }

  std::vector<CheckedArray> arrays;
  std::vector<TensorView> views;  // Of the arrays.
  InferOptions options;
};

Result infer(Runtime& runtime, const InputArgument& x, const PolicyArgument& policy,
             std::optional<std::int64_t> forced_exit, bool return_logits) {
  const Call call(runtime, x, policy, forced_exit, return_logits);
  const py::gil_scoped_release released;
  return runtime.infer(call.views, call.options);
}

BatchAnswers infer_batch(Runtime& runtime, const InputArgument& x, const PolicyArgument& policy,
                         std::optional<std::int64_t> forced_exit, bool return_logits) {
  const Call call(runtime, x, policy, forced_exit, return_logits);
  BatchResult result;
  {
    const py::gil_scoped_release released;
    result = runtime.infer_batch(call.views, call.options);
  }
  return BatchAnswers(std::move(result));
}

}  // namespace

void def_infer(RuntimeClass& cls) {
  cls.def("infer", &infer, "x"_a, py::kw_only(), "policy"_a = py::ellipsis(),
          "forced_exit"_a = py::none(), "return_logits"_a = false,
          R"(Classify one sample.

Thread-safe; the GIL is released while it computes. The input is copied, never converted.

Args:
    x: Preprocessed input without a batch axis: a C-contiguous array of the dtype and shape in
        `inputs`, or a dict with one for each name.
    policy: When to stop. Left out: the active schedule. None: full depth, where the last exit
        answers alone.
    forced_exit: Leave at exactly this exit, whatever the scores, heads and scoring included: for
        measuring what it costs. Such runs are not counted in `stats`.
    return_logits: Copy the logits of every exit passed into the result.

Raises:
    InputError: If an input has a wrong dtype, shape, strides or a NaN or infinite value.
    NonFiniteError: If an exit produced NaN or infinite logits.
    BackendError: If ONNX Runtime failed.)");
  cls.def("infer_batch", &infer_batch, "x"_a, py::kw_only(), "policy"_a = py::ellipsis(),
          "forced_exit"_a = py::none(), "return_logits"_a = false,
          R"(Classify a batch; each sample leaves at its own exit.

After an exit only the samples that stay are computed further. Thread-safe; the GIL is released
while it computes. The input is copied, never converted. Memory grows with the largest batch so far
and is kept.

Args:
    x: Preprocessed input as for `infer`, with the batch axis in front: 1 to `max_batch` samples.
    policy: As for `infer`.
    forced_exit: As for `infer`.
    return_logits: As for `infer`.

Returns:
    The answers in the order of the input: what `infer` answers one by one, but for the last bits
    of the logits, which may move a sample whose score is next to a threshold.

Raises:
    InputError: If an input has a wrong dtype, shape, strides or a NaN or infinite value.
    NonFiniteError: If an exit produced NaN or infinite logits for one of the samples.
    BackendError: If ONNX Runtime failed, or there is no memory for the batch.)");
  cls.def("stats", &Runtime::stats, py::call_guard<py::gil_scoped_release>(),
          "What was done since the load or the last `reset_stats`.")
      .def("reset_stats", &Runtime::reset_stats, "Start counting anew.");
}

}  // namespace eenet::python
