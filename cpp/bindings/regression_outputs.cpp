#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"

#include "arrays.h"
#include "bindings.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

using FloatArrays = py::typing::List<py::array_t<float>>;

py::array_t<float> as_floats(const CheckedArray& checked) {
  return py::reinterpret_borrow<py::array_t<float>>(checked.array);
}

}  // namespace

void register_regression_outputs(py::module_& module) {
  py::class_<RegressionOutputs> cls(
      module, "RegressionOutputs",
      R"(What exits that regress put out for N samples, as `features`, `scores` and `replay` take it.

Keeps the arrays, uncopied.)");
  cls.def(py::init(&check_regression_outputs), "values"_a, "hidden"_a, R"(Put arrays together.

Args:
    values: Values of every exit, float32 (N, K, D).
    hidden: Hidden features of each of the K exits, float32 (N, H_k).

Raises:
    InputError: If an array has a wrong dtype, shape or strides.)")
      .def_property_readonly(
          "values", [](const RegressionOutputs& outputs) { return as_floats(outputs.values); },
          "Values of every exit, float32 (N, K, D).")
      .def_property_readonly(
          "hidden",
          [](const RegressionOutputs& outputs) {
            FloatArrays out;
            for (const CheckedArray& each : outputs.hidden) out.append(as_floats(each));
            return out;
          },
          "Hidden features of each exit, float32 (N, H_k).")
      .def("__repr__", [](const RegressionOutputs& outputs) {
        const std::vector<std::int64_t>& shape = outputs.values.shape;
        return cat("RegressionOutputs(samples=", shape[0], ", exits=", shape[1],
                   ", values=", shape[2], ")");
      });
}

}  // namespace eenet::python
