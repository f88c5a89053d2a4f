#include "decision/exit_policy.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

/// A vector of `size` numbers, or any number if 0; an axis of length 1 in front is allowed.
std::vector<float> vector_of(py::handle object, const std::string& what) {
  const auto ndim = py::isinstance<py::array>(object)
                        ? static_cast<std::size_t>(py::reinterpret_borrow<py::array>(object).ndim())
                        : 1;
  const CheckedArray array = check_floats(object, ndim, what);
  if (ndim == 0 || ndim > 2 || (ndim == 2 && array.shape[0] != 1)) {
    throw Error(ErrorCode::kInput, what + ": a vector or a matrix of one row expected");
  }
  return {array.floats().begin(), array.floats().end()};
}

Scorer make_scorer(py::handle object, std::size_t exit) {
  const std::string what = cat("scorer of exit ", exit);
  const std::size_t size = py::isinstance<py::tuple>(object) ? py::len(object) : 0;
  if (size != 2 && size != 4) {
    throw Error(ErrorCode::kInput, what +
                                       ": a tuple (weight, bias) or (weight, bias, out_weight, "
                                       "out_bias) of float32 arrays expected");
  }
  const auto parts = py::reinterpret_borrow<py::tuple>(object);
  Scorer scorer;
  scorer.bias = vector_of(parts[1], what + ", bias");
  if (size == 2) {
    scorer.weight = vector_of(parts[0], what + ", weight");
    return scorer;
  }
  const CheckedArray weight = check_floats(parts[0], 2, what + ", weight");
  scorer.weight.assign(weight.floats().begin(), weight.floats().end());
  scorer.out_weight = vector_of(parts[2], what + ", out_weight");
  const std::vector<float> out_bias = vector_of(parts[3], what + ", out_bias");
  if (scorer.out_weight.size() != static_cast<std::size_t>(weight.shape[0]) ||
      scorer.out_weight.empty() || out_bias.size() != 1) {
    throw Error(ErrorCode::kInput, what +
                                       ": weight (H, D), bias (H), out_weight (1, H) and "
                                       "out_bias (1) expected");
  }
  scorer.out_bias = out_bias.front();
  return scorer;
}

std::shared_ptr<ExitPolicy> make_policy(std::vector<std::size_t> num_features,
                                        const ScorersArgument& scorers,
                                        std::vector<double> thresholds,
                                        const CombinerArgument& combiner, bool clamp) {
  if (!py::isinstance<py::sequence>(scorers)) {
    throw Error(ErrorCode::kInput, "scorers: a list with a tuple per exit but the last expected");
  }
  ExitPolicy::Parts parts;
  parts.num_features = std::move(num_features);
  parts.combiner = check_combiner(combiner, parts.num_features.size(), std::nullopt);
  auto made = std::make_shared<std::vector<Scorer>>();
  for (const py::handle scorer : scorers) made->push_back(make_scorer(scorer, made->size()));
  parts.scorers = std::move(made);
  parts.thresholds = std::move(thresholds);
  parts.clamp = clamp;
  return std::make_shared<ExitPolicy>(std::move(parts));
}

std::shared_ptr<ExitPolicy> new_policy(Given<"num_features", std::vector<std::size_t>> num_features,
                                       const ScorersArgument& scorers,
                                       Given<"thresholds", std::vector<double>> thresholds,
                                       const CombinerArgument& combiner, bool clamp) {
  return make_policy(std::move(num_features.value), scorers, std::move(thresholds.value), combiner,
                     clamp);
}

using FloatArrays = py::typing::Tuple<py::array_t<float>, py::ellipsis>;

py::typing::List<FloatArrays> get_scorers(const ExitPolicy& policy) {
  py::list out;
  for (const Scorer& scorer : policy.rule().scorers()) {
    const std::span<const float> weight(scorer.weight);
    const auto bias = copy_array<float>(scorer.bias);
    if (scorer.hidden()) {
      out.append(py::make_tuple(copy_matrix(weight, scorer.out_weight.size()), bias,
                                copy_matrix<float>(scorer.out_weight, 1),
                                copy_array<float>({&scorer.out_bias, 1})));
    } else {
      out.append(py::make_tuple(copy_matrix(weight, 1), bias));
    }
  }
  return out;
}

std::optional<std::pair<py::array_t<float>, py::array_t<float>>> get_combiner(
    const ExitPolicy& policy) {
  const Combiner* combiner = policy.combiner();
  if (combiner == nullptr) return std::nullopt;
  return std::pair(copy_matrix(combiner->weight(), combiner->num_exits()),
                   copy_matrix(combiner->bias(), combiner->num_exits()));
}

std::string repr(const ExitPolicy& policy) {
  std::size_t enabled = 1;
  for (std::size_t exit = 0; exit + 1 < policy.num_exits(); ++exit) {
    if (!policy.disabled(exit)) ++enabled;
  }
  return cat("ExitPolicy(num_features=(", join(policy.num_features()), ")",
             ", enabled_exits=", enabled,
             ", combiner=", policy.combiner() == nullptr ? "no" : "yes",
             ", clamp=", policy.rule().clamp() ? "True" : "False", ")");
}

py::typing::Tuple<py::int_, py::ellipsis> get_num_features(const ExitPolicy& policy) {
  py::tuple out(policy.num_exits());
  for (std::size_t exit = 0; exit < policy.num_exits(); ++exit) {
    out[exit] = policy.num_features()[exit];
  }
  return py::reinterpret_steal<py::typing::Tuple<py::int_, py::ellipsis>>(out.release());
}

PickledState get_state(const ExitPolicy& policy) {
  const std::vector<double> thresholds(policy.thresholds().begin(), policy.thresholds().end());
  return py::make_tuple(EENET_VERSION, get_num_features(policy), get_scorers(policy), thresholds,
                        get_combiner(policy), policy.rule().clamp());
}

std::shared_ptr<ExitPolicy> set_state(const PickledState& state) {
  check_state(state, "ExitPolicy", 5);
  return make_policy(state[1].cast<std::vector<std::size_t>>(),
                     py::reinterpret_borrow<ScorersArgument>(state[2]),
                     state[3].cast<std::vector<double>>(),
                     py::reinterpret_borrow<CombinerArgument>(state[4]), state[5].cast<bool>());
}

}  // namespace

void register_exit_policy(py::module_& module) {
  module.def(
      "num_features",
      [](const Given<"num_classes", std::size_t>& num_classes) {
        return classification_features(num_classes);
      },
      "num_classes"_a,
      R"(Number of features of an exit before the scores of earlier exits, in classification.

A scorer of exit k has k more inputs. Class probabilities come first, then maximum, certainty, vote
and margin; see docs/spec/decision-core.md.)");
  py::class_<ExitPolicy, std::shared_ptr<ExitPolicy>> cls(
      module, "ExitPolicy", py::is_final(),
      R"(When to stop: a combiner, a confidence scorer and a threshold per exit.

Immutable. Exit k leaves when its score is at least its threshold; a threshold of +inf disables the
exit, the last exit always accepts. See docs/spec/decision-core.md.)");
  cls.def(py::init(&new_policy), "num_features"_a, "scorers"_a, "thresholds"_a, py::kw_only(),
          "combiner"_a = py::none(), "clamp"_a = false,
          R"(Assemble a policy; arrays are copied.

Args:
    num_features: F_k, the number of features of each of the K exits.
    scorers: One tuple of float32 arrays for every exit but the last, with D = F_k + k inputs:
        linear `(weight (1, D) or (D,), bias (1,))`, or with a hidden ReLU layer `(weight (H, D),
        bias (H,), out_weight (1, H) or (H,), out_bias (1,))`.
    thresholds: Number per exit, K of them. The last one is ignored.
    combiner: `(weight (K, K), bias (K, C))`, float32, zero above the diagonal; None: every exit
        answers alone.
    clamp: Clamp scores to [0, 1].

Raises:
    ScheduleError: If a size is wrong, a weight not finite or a threshold NaN.
    InputError: If an array is not a C-contiguous float32 array.)")
      .def_property_readonly("num_exits", &ExitPolicy::num_exits, "Number of exits K.")
      .def_property_readonly("num_features", &get_num_features,
                             "Number of features of each of the K exits, before earlier scores.")
      .def_property_readonly("scorers", &get_scorers,
                             "Tuples of arrays as in the constructor, matrices with two axes.")
      .def_property_readonly(
          "thresholds",
          [](const ExitPolicy& policy) { return copy_array<double>(policy.thresholds()); },
          "Threshold of each exit, float64 (K,).")
      .def_property_readonly("combiner", &get_combiner, "`(weight, bias)`, or None.")
      .def_property_readonly(
          "clamp", [](const ExitPolicy& policy) { return policy.rule().clamp(); },
          "Whether scores are clamped to [0, 1].")
      .def(
          "with_thresholds",
          [](const ExitPolicy& policy, Given<"thresholds", std::vector<double>> thresholds) {
            return std::make_shared<ExitPolicy>(
                policy.with_thresholds(std::move(thresholds.value)));
          },
          "thresholds"_a,
          R"(The same combiner, scorers and clamp with other thresholds.

Args:
    thresholds: Number per exit, K of them. The last one is ignored.

Raises:
    ScheduleError: If they are not K, or one is NaN.)")
      .def("__repr__", &repr);
  def_state(cls, &get_state, &set_state);
}

}  // namespace eenet::python
