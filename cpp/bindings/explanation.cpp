#include <string>
#include <utility>

#include <pybind11/stl.h>

#include "eenet/result.h"

#include "answers.h"
#include "bindings.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {

template <>
struct State<Contribution> {
  static py::object pack(const Contribution& value) {
    return py::make_tuple(value.name, value.value);
  }
  static Contribution unpack(py::handle state) {
    auto [name, value] = state.cast<std::pair<std::string, double>>();
    return {std::move(name), value};
  }
};

namespace {

/// Name and value of each part of the score.
using Parts = py::typing::List<py::typing::Tuple<py::str, py::float_>>;

Parts get_contributions(const ExitExplanation& explanation) {
  Parts out;
  for (const Contribution& each : explanation.contributions) {
    out.append(py::make_tuple(each.name, each.value));
  }
  return out;
}

std::string repr(const ExitExplanation& explanation) {
  std::string parts;
  for (const Contribution& each : explanation.contributions) {
    parts += cat(each.name, " ", each.value, ", ");
  }
  const std::string answer = explanation.value.empty()
                                 ? cat("label=", explanation.label)
                                 : cat("value=[", join(explanation.value), "]");
  return cat("ExitExplanation(exit=", explanation.exit, ", ", answer, ", score=", explanation.score,
             ", threshold=", explanation.threshold,
             ", accepted=", explanation.accepted ? "True" : "False", ", contributions=[", parts,
             "others ", explanation.others, ", bias ", explanation.bias,
             "], time_ms=", explanation.time_ms, ")");
}

}  // namespace

void register_explanation(py::module_& module) {
  py::class_<ExitExplanation> cls(module, "ExitExplanation",
                                  R"(Why an exit accepted a sample or passed it on.

The score before it is clamped is the sum of the contributions, `others` and `bias`. With a hidden
layer they are those of the linear map that holds around this sample.)");
  cls.def_readonly("exit", &ExitExplanation::exit, "Index of the exit.")
      .def_property_readonly(
          "label",
          [](const ExitExplanation& explanation) {
            if (!explanation.value.empty()) has_no("ExitExplanation", "label", "value");
            return explanation.label;
          },
          "Index of the class that it answers; of classification.")
      .def_property_readonly(
          "value",
          [](const ExitExplanation& explanation) {
            if (explanation.value.empty()) has_no("ExitExplanation", "value", "label");
            return copy_array<float>(explanation.value);
          },
          "Values that it answers, float32 (D,); of regression.")
      .def_readonly("score", &ExitExplanation::score,
                    "Confidence score; 0 at a disabled exit and at the last one.")
      .def_readonly("threshold", &ExitExplanation::threshold,
                    "The exit accepts a score from here on; inf: it is disabled. The last exit "
                    "accepts whatever the score.")
      .def_readonly("accepted", &ExitExplanation::accepted, "Whether it accepted the sample.")
      .def_property_readonly("contributions", &get_contributions,
                             "The eight largest parts of the score by size, each a name and a "
                             "value: `p(CLASS)`, `maximum`, `certainty`, `vote`, `margin`; "
                             "`hidden[I]`, `correction`, `share of the correction`; `score of exit "
                             "K`. Empty without a score.")
      .def_readonly("others", &ExitExplanation::others,
                    "Sum of the parts that are not among `contributions`.")
      .def_readonly("bias", &ExitExplanation::bias, "What no input of the scorer has a part in.")
      .def_readonly("time_ms", &ExitExplanation::time_ms,
                    "Wall time of the segment, its exit head and the decision.")
      .def("__repr__", &repr);
  def_to_dict(cls);
  def_pickle(cls, "ExitExplanation", &ExitExplanation::exit, &ExitExplanation::label,
             &ExitExplanation::value, &ExitExplanation::score, &ExitExplanation::threshold,
             &ExitExplanation::accepted, &ExitExplanation::contributions, &ExitExplanation::others,
             &ExitExplanation::bias, &ExitExplanation::time_ms);
}

}  // namespace eenet::python
