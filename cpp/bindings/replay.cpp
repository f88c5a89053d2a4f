#include "budget/replay.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"

#include "answers.h"
#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

/// What replay() found. The arrays are the caller's.
struct Replay {
  py::array_t<std::int64_t> exits;
  py::array_t<float> scores;
  std::optional<py::array_t<std::int64_t>> labels;
  std::optional<py::array_t<float>> values;
};

template <typename T>
py::array_t<T> new_matrix(std::size_t rows, std::size_t columns) {
  return py::array_t<T>({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)});
}

std::shared_ptr<const Combiner> check_combiner(const CheckedOutputs& checked,
                                               const CombinerArgument& combine) {
  if (!checked.num_classes && !combine.is_none()) {
    throw Error(ErrorCode::kInput,
                "combine: a combiner came, None expected: exits that regress are not combined");
  }
  return check_combiner(combine, checked.outputs.num_exits(), checked.num_classes);
}

std::vector<py::array_t<float>> py_features(const OutputsArgument& outputs,
                                            const CombinerArgument& combine) {
  const CheckedOutputs checked = check_outputs(outputs);
  const auto combiner = check_combiner(checked, combine);
  std::vector<py::array_t<float>> arrays;
  std::vector<float*> to;
  for (const std::size_t width : count_features(*checked.outputs.make_readout(), {})) {
    arrays.push_back(new_matrix<float>(checked.outputs.samples(), width));
    to.push_back(arrays.back().mutable_data());
  }
  const ReleasedGil released;
  features(checked.outputs, combiner.get(), to);
  return arrays;
}

py::array py_answers(const OutputsArgument& outputs, const CombinerArgument& combine) {
  const CheckedOutputs checked = check_outputs(outputs);
  const auto combiner = check_combiner(checked, combine);
  const Answers found = [&] {
    const ReleasedGil released;
    return answers(checked.outputs, combiner.get());
  }();
  AnswerArrays arrays =
      copy_answers(found, {static_cast<py::ssize_t>(checked.outputs.samples()),
                           static_cast<py::ssize_t>(checked.outputs.num_exits())});
  if (arrays.labels) return *arrays.labels;
  return *arrays.values;
}

py::array_t<float> py_scores(const OutputsArgument& outputs, const ExitPolicy& policy) {
  const CheckedOutputs checked = check_outputs(outputs);
  auto out = new_matrix<float>(checked.outputs.samples(), checked.outputs.num_exits());
  float* const data = out.mutable_data();
  const ReleasedGil released;
  scores(checked.outputs, policy, data);
  return out;
}

Replay py_replay(const OutputsArgument& outputs,
                 const std::optional<std::shared_ptr<ExitPolicy>>& policy) {
  const CheckedOutputs checked = check_outputs(outputs);
  const LoggedOutputs& logged = checked.outputs;
  const auto samples = static_cast<py::ssize_t>(logged.samples());
  Replay out{py::array_t<std::int64_t>(samples),
             new_matrix<float>(logged.samples(), logged.num_exits()),
             {},
             {}};
  std::int64_t* const exits = out.exits.mutable_data();
  float* const scores = out.scores.mutable_data();
  const Answers found = [&] {
    const ReleasedGil released;
    return replay(logged, policy ? policy->get() : nullptr, exits, scores);
  }();
  AnswerArrays arrays = copy_answers(found, {samples});
  out.labels = std::move(arrays.labels);
  out.values = std::move(arrays.values);
  return out;
}

std::string repr(const Replay& replay) {
  return cat("Replay(samples=", replay.scores.shape(0), ", exits=", replay.scores.shape(1), ")");
}

void register_feature_functions(py::module_& module) {
  module.def("features", &py_features, "outputs"_a, "combine"_a = py::none(),
             R"(Compute the scorers' inputs but for the earlier scores.

Args:
    outputs: Logits of every exit, float32 (N, K, C), or `RegressionOutputs`.
    combine: `(weight (K, K), bias (K, C))`, float32, of classification; None: every exit alone.

Returns:
    An array (N, F_k) per exit. Of classification (feature spec 1, F_k = C + 4): the probabilities,
    the largest of them, 1 + sum p ln p / ln C, the vote, and the margin between the two largest
    probabilities. Of regression (feature spec 3, F_k = H_k + 2): the hidden features, the distance
    of the values to those of the exit before, and its share of their size, at most 1.

Raises:
    InputError: If an array has a wrong dtype, shape or strides.
    NonFiniteError: If a number is NaN or infinite; names sample and exit.)");
  module.def("answers", &py_answers, "outputs"_a, "combine"_a = py::none(),
             R"(Compute what each exit answers.

Args:
    outputs: As for `features`.
    combine: As for `features`.

Returns:
    Class indices, int64 (N, K), the lowest among equals; of regression values, float32 (N, K, D).

Raises:
    InputError: If an array has a wrong dtype, shape or strides.
    NonFiniteError: If a number is NaN or infinite; names sample and exit.)");
}

}  // namespace

void register_replay(py::module_& module) {
  register_feature_functions(module);
  module.def("scores", &py_scores, "outputs"_a, "policy"_a,
             R"(Compute the confidence score of every exit, as emitted, without stopping.

Args:
    outputs: As for `features`.
    policy: The scorers, and which exits are disabled.

Returns:
    Scores, float32 (N, K); 0 at disabled exits and at the last one.

Raises:
    InputError: If an array has a wrong dtype, shape or strides, or they do not fit the policy.
    NonFiniteError: If a number is NaN or infinite; names sample and exit.)");
  py::class_<Replay> cls(module, "Replay", "Where logged samples leave under a policy.");
  cls.def_readonly("exits", &Replay::exits, "Exit taken, int64 (N,).")
      .def_property_readonly(
          "labels",
          [](const Replay& found) { return of_task(found.labels, "Replay", "labels", "values"); },
          "Class answered there, int64 (N,); of classification.")
      .def_property_readonly(
          "values",
          [](const Replay& found) { return of_task(found.values, "Replay", "values", "labels"); },
          "Values answered there, float32 (N, D); of regression.")
      .def_readonly("scores", &Replay::scores,
                    "Scores of the exits passed, float32 (N, K); NaN where none was computed.")
      .def("__repr__", &repr);
  def_to_dict(cls);
  def_pickle(cls, "Replay", &Replay::exits, &Replay::scores, &Replay::labels, &Replay::values);
  module.def("replay", &py_replay, "outputs"_a, "policy"_a,
             R"(Run a policy over logged outputs: the code that `Runtime.infer` runs.

Args:
    outputs: As for `features`.
    policy: When to stop; None: full depth, where the last exit answers alone.

Raises:
    InputError: If an array has a wrong dtype, shape or strides, or they do not fit the policy.
    NonFiniteError: If a number is NaN or infinite; names sample and exit.)");
}

}  // namespace eenet::python
