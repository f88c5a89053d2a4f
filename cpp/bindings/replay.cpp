#include "budget/replay.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

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
  py::array_t<std::int64_t> labels;
  py::array_t<float> scores;
};

template <typename T>
py::array_t<T> new_matrix(std::size_t rows, std::size_t columns) {
  return py::array_t<T>({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)});
}

std::vector<py::array_t<float>> py_features(const LogitsArgument& logits,
                                            const CombinerArgument& combine) {
  const CheckedLogits checked = check_logits(logits);
  const LogitsView& view = checked.view;
  const auto combiner = check_combiner(combine, view.exits, view.classes);
  std::vector<py::array_t<float>> arrays;
  std::vector<float*> outputs;
  for (std::size_t exit = 0; exit < view.exits; ++exit) {
    arrays.push_back(new_matrix<float>(view.samples, classification_features(view.classes)));
    outputs.push_back(arrays.back().mutable_data());
  }
  const ReleasedGil released;
  features(view, combiner.get(), outputs);
  return arrays;
}

py::array_t<std::int64_t> py_answers(const LogitsArgument& logits,
                                     const CombinerArgument& combine) {
  const CheckedLogits checked = check_logits(logits);
  const auto combiner = check_combiner(combine, checked.view.exits, checked.view.classes);
  auto labels = new_matrix<std::int64_t>(checked.view.samples, checked.view.exits);
  std::int64_t* const data = labels.mutable_data();
  const ReleasedGil released;
  answers(checked.view, combiner.get(), data);
  return labels;
}

py::array_t<float> py_scores(const LogitsArgument& logits, const ExitPolicy& policy) {
  const CheckedLogits checked = check_logits(logits);
  auto out = new_matrix<float>(checked.view.samples, checked.view.exits);
  float* const data = out.mutable_data();
  const ReleasedGil released;
  scores(checked.view, policy, data);
  return out;
}

Replay py_replay(const LogitsArgument& logits,
                 const std::optional<std::shared_ptr<ExitPolicy>>& policy) {
  const CheckedLogits checked = check_logits(logits);
  const LogitsView& view = checked.view;
  const auto samples = static_cast<py::ssize_t>(view.samples);
  Replay out{py::array_t<std::int64_t>(samples), py::array_t<std::int64_t>(samples),
             new_matrix<float>(view.samples, view.exits)};
  std::int64_t* const exits = out.exits.mutable_data();
  std::int64_t* const labels = out.labels.mutable_data();
  float* const scores = out.scores.mutable_data();
  const ReleasedGil released;
  replay(view, policy ? policy->get() : nullptr, exits, labels, scores);
  return out;
}

std::string repr(const Replay& replay) {
  return cat("Replay(samples=", replay.scores.shape(0), ", exits=", replay.scores.shape(1), ")");
}

void register_feature_functions(py::module_& module) {
  module.def("features", &py_features, "logits"_a, "combine"_a = py::none(),
             R"(Compute the scorers' inputs (feature spec 1) but for the earlier scores.

Args:
    logits: Logits of every exit, float32 (N, K, C).
    combine: `(weight (K, K), bias (K, C))`, float32; None: every exit alone.

Returns:
    An array (N, C + 4) per exit: the probabilities, the largest of them, 1 + sum p ln p / ln C,
    the vote, and the margin between the two largest probabilities.

Raises:
    InputError: If an array has a wrong dtype, shape or strides.
    NonFiniteError: If a logit is NaN or infinite; names sample and exit.)");
  module.def("answers", &py_answers, "logits"_a, "combine"_a = py::none(),
             R"(Compute the class that each exit answers; the lowest one among equals.

Args:
    logits: Logits of every exit, float32 (N, K, C).
    combine: As for `features`.

Returns:
    Class indices, int64 (N, K).

Raises:
    InputError: If an array has a wrong dtype, shape or strides.
    NonFiniteError: If a logit is NaN or infinite; names sample and exit.)");
}

}  // namespace

void register_replay(py::module_& module) {
  register_feature_functions(module);
  module.def("scores", &py_scores, "logits"_a, "policy"_a,
             R"(Compute the confidence score of every exit, as emitted, without stopping.

Args:
    logits: Logits of every exit, float32 (N, K, C).
    policy: The scorers, and which exits are disabled.

Returns:
    Scores, float32 (N, K); 0 at disabled exits and at the last one.

Raises:
    InputError: If the logits have a wrong dtype, shape or strides, or do not fit the policy.
    NonFiniteError: If a logit is NaN or infinite; names sample and exit.)");
  py::class_<Replay> cls(module, "Replay", "Where logged samples leave under a policy.");
  cls.def_readonly("exits", &Replay::exits, "Exit taken, int64 (N,).")
      .def_readonly("labels", &Replay::labels, "Class answered there, int64 (N,).")
      .def_readonly("scores", &Replay::scores,
                    "Scores of the exits passed, float32 (N, K); NaN where none was computed.")
      .def("__repr__", &repr);
  def_to_dict(cls);
  def_pickle(cls, "Replay", &Replay::exits, &Replay::labels, &Replay::scores);
  module.def("replay", &py_replay, "logits"_a, "policy"_a,
             R"(Run a policy over logged logits: the code that `Runtime.infer` runs.

Args:
    logits: Logits of every exit, float32 (N, K, C).
    policy: When to stop; None: full depth, where the last exit answers alone.

Raises:
    InputError: If the logits have a wrong dtype, shape or strides, or do not fit the policy.
    NonFiniteError: If a logit is NaN or infinite; names sample and exit.)");
}

}  // namespace eenet::python
