#include "arrays.h"

#include <type_traits>

#include <pybind11/gil_safe_call_once.h>

#include "eenet/error.h"

#include "arguments.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet::python {
namespace {

static_assert(std::is_same_v<py::ssize_t, std::int64_t>, "numpy's shapes are copied as they are");

[[noreturn]] void refuse(const std::string& came, const std::string& expected) {
  throw Error(ErrorCode::kInput, cat(came, " came, ", expected, " expected"));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return cat("shape (", join(shape), ")");
}

void check_is_array(py::handle object) {
  if (!py::isinstance<py::array>(object)) refuse(type_name(object), "a numpy array");
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> numpy_class;
  numpy_class.call_once_and_store_result(
      [] { return py::object(py::module_::import("numpy").attr("ndarray")); });
  if (py::type::handle_of(object).is(numpy_class.get_stored())) return;
  if (py::isinstance(object, py::module_::import("numpy.ma").attr("MaskedArray"))) {
    refuse(cat(type_name(object), ", of which not all values count,"),
           "a plain array (see its method filled)");
  }
}

py::dtype numpy_dtype(DType dtype) {
  constexpr int kHalf = 23;  // NPY_HALF, of which C++ has no type.
  switch (dtype) {
    case DType::kFloat32:
      return py::dtype::of<float>();
    case DType::kInt64:
      return py::dtype::of<std::int64_t>();
    case DType::kFloat16:
      return py::dtype(kHalf);
    case DType::kInt32:
      return py::dtype::of<std::int32_t>();
    case DType::kUInt8:
      return py::dtype::of<std::uint8_t>();
  }
  return {};
}

bool has_dtype(const py::array& array, DType wanted) {
  const py::dtype came = array.dtype();
  const py::dtype expected = numpy_dtype(wanted);
  // Native dtypes are one object each, so the slow comparison is for exotic ones.
  return came.is(expected) || came.equal(expected);
}

}  // namespace

std::span<const float> CheckedArray::floats() const {
  return {static_cast<const float*>(array.data()), static_cast<std::size_t>(array.size())};
}

CheckedArray check_array(py::handle object, DType dtype) {
  check_is_array(object);
  CheckedArray checked{py::reinterpret_borrow<py::array>(object), dtype, {}};
  const py::array& array = checked.array;
  if (!has_dtype(array, dtype)) refuse(py::str(array.dtype()), std::string(dtype_name(dtype)));
  checked.shape.assign(array.shape(), array.shape() + array.ndim());
  checked.contiguous = (array.flags() & py::array::c_style) != 0;
  return checked;
}

void check_contiguous(const CheckedArray& checked) {
  if (checked.contiguous) return;
  const std::span<const std::int64_t> strides(checked.array.strides(), checked.shape.size());
  refuse(cat("strides (", join(strides), ") for ", shape_text(checked.shape)),
         "a C-contiguous array (see numpy.ascontiguousarray)");
}

CheckedArray check_floats(py::handle object, std::size_t ndim, const std::string& what) {
  return in_context(what, [&] {
    CheckedArray checked = check_array(object, DType::kFloat32);
    if (checked.shape.size() != ndim) {
      refuse(shape_text(checked.shape), cat(ndim, " dimensions"));
    }
    check_contiguous(checked);
    return checked;
  });
}

py::array_t<double> check_doubles(py::handle object, py::ssize_t ndim, const std::string& what) {
  return in_context(what, [&] {
    check_is_array(object);
    const auto array = py::reinterpret_borrow<py::array>(object);
    if (!py::isinstance<py::array_t<double, py::array::c_style>>(object) || array.ndim() != ndim) {
      refuse(cat(std::string(py::str(array.dtype())), ", ", array.ndim(), " dimensions"),
             cat("float64, C-contiguous, ", ndim, " dimensions"));
    }
    return py::reinterpret_borrow<py::array_t<double>>(object);
  });
}

std::span<const std::uint8_t> CheckedImages::image(std::size_t index) const {
  const std::size_t size = static_cast<std::size_t>(array.size()) / count;
  return std::span(array.data(), static_cast<std::size_t>(array.size()))
      .subspan(index * size, size);
}

CheckedImages check_images(const ImagesArgument& images, std::size_t channels) {
  return in_context("images", [&] {
    if (py::isinstance<py::list>(images) || py::isinstance<py::tuple>(images)) {
      refuse(type_name(images),
             "a numpy array (images of one size by numpy.stack, of different sizes one by one)");
    }
    check_is_array(images);
    const auto array = py::reinterpret_borrow<py::array>(images);
    if (!array.dtype().equal(py::dtype::of<std::uint8_t>())) {
      refuse(py::str(array.dtype()), "uint8");
    }
    const std::vector<std::int64_t> shape(array.shape(), array.shape() + array.ndim());
    const std::size_t ndim = shape.size();
    if ((ndim != 3 && ndim != 4) || shape[ndim - 1] != static_cast<std::int64_t>(channels) ||
        array.size() == 0) {
      refuse(shape_text(shape), cat("(H, W, ", channels, ") or (N, H, W, ", channels, ")"));
    }
    CheckedImages checked;
    const auto packed = py::array_t<std::uint8_t, py::array::c_style>::ensure(array);
    if (!packed) refuse(shape_text(shape), "what there is memory for");
    checked.array = packed;
    checked.batch = ndim == 4;
    if (checked.batch) checked.count = static_cast<std::size_t>(shape[0]);
    checked.height = static_cast<std::size_t>(shape[ndim - 3]);
    checked.width = static_cast<std::size_t>(shape[ndim - 2]);
    return checked;
  });
}

RegressionOutputs check_regression_outputs(const py::array& values,
                                           const std::vector<py::object>& hidden) {
  RegressionOutputs out{check_floats(values, 3, "values"), {}};
  const std::vector<std::int64_t>& shape = out.values.shape;
  if (shape[1] < 1 || shape[2] < 1) {
    throw Error(ErrorCode::kInput,
                cat("values: (", join(shape), ") came, (N, K, D) with K >= 1 and D >= 1 expected"));
  }
  if (hidden.size() != static_cast<std::size_t>(shape[1])) {
    throw Error(ErrorCode::kInput, cat("hidden: ", hidden.size(), " arrays came, ", shape[1],
                                       " expected, one an exit"));
  }
  for (const py::object& each : hidden) {
    const std::string what = cat("hidden[", out.hidden.size(), "]");
    CheckedArray array = check_floats(each, 2, what);
    if (array.shape[0] != shape[0] || array.shape[1] < 1) {
      throw Error(ErrorCode::kInput, cat(what, ": (", join(array.shape), ") came, (", shape[0],
                                         ", H) with H >= 1 expected"));
    }
    out.hidden.push_back(std::move(array));
  }
  return out;
}

CheckedOutputs check_outputs(const OutputsArgument& outputs) {
  const auto size = [](std::int64_t number) { return static_cast<std::size_t>(number); };
  if (py::isinstance<RegressionOutputs>(outputs)) {
    const auto& kept = outputs.cast<const RegressionOutputs&>();
    std::vector<py::object> parts;
    for (const CheckedArray& each : kept.hidden) parts.push_back(each.array);
    // Anew: an array may have been resized since.
    const RegressionOutputs given = check_regression_outputs(kept.values.array, parts);
    std::vector<LoggedOutputs::Hidden> hidden;
    for (const CheckedArray& each : given.hidden) {
      hidden.push_back({each.floats().data(), size(each.shape[1])});
    }
    const CheckedArray& values = given.values;
    const auto logged = LoggedOutputs::of_regression(values.floats().data(), size(values.shape[0]),
                                                     size(values.shape[2]), hidden);
    std::vector<CheckedArray> arrays = given.hidden;
    arrays.push_back(values);
    return {std::move(arrays), logged, std::nullopt};
  }
  CheckedArray array = check_floats(outputs, 3, "logits");
  const std::vector<std::int64_t>& shape = array.shape;
  if (shape[1] < 1 || shape[2] < 2) {
    refuse(cat("logits: ", shape_text(shape)), "(N, K, C) with K >= 1 and C >= 2");
  }
  const auto logged = LoggedOutputs::of_classification(array.floats().data(), size(shape[0]),
                                                       size(shape[1]), size(shape[2]));
  const std::size_t classes = size(shape[2]);
  return {{std::move(array)}, logged, classes};
}

std::shared_ptr<const Combiner> check_combiner(const CombinerArgument& combiner,
                                               std::size_t num_exits,
                                               std::optional<std::size_t> num_classes) {
  if (combiner.is_none()) return nullptr;
  if (!py::isinstance<py::tuple>(combiner) || py::len(combiner) != 2) {
    refuse(cat("combiner: ", type_name(combiner)), "None or a tuple (weight, bias)");
  }
  const auto parts = py::reinterpret_borrow<py::tuple>(combiner);
  const auto matrix = [&](py::handle part, std::optional<std::size_t> columns, const char* what) {
    CheckedArray array = check_floats(part, 2, what);
    const std::vector<std::int64_t> shape = {
        static_cast<std::int64_t>(num_exits),
        columns ? static_cast<std::int64_t>(*columns) : array.shape[1]};
    if (array.shape != shape) {
      refuse(cat(what, ": ", shape_text(array.shape)), shape_text(shape));
    }
    return array;
  };
  const CheckedArray weight = matrix(parts[0], num_exits, "combiner, weight");
  const CheckedArray bias = matrix(parts[1], num_classes, "combiner, bias");
  const auto numbers = [](const CheckedArray& array) {
    return std::vector<float>(array.floats().begin(), array.floats().end());
  };
  return std::make_shared<const Combiner>(num_exits, static_cast<std::size_t>(bias.shape[1]),
                                          numbers(weight), numbers(bias));
}

std::vector<double> check_sample_costs(const SampleCostsArgument& costs, const char* name) {
  if (costs.is_none()) return {};
  const py::array_t<double> array = check_doubles(costs, 2, name);
  return {array.data(), array.data() + array.size()};
}

Budget check_budget(const BudgetArgument& budget) {
  if (!py::isinstance<py::str>(budget)) {
    try {
      return Budget(check_number(budget, "budget"));
    } catch (const py::type_error&) {
      refuse(cat("budget: ", type_name(budget)),
             "a number above 0 or a share of full cost, as '65%',");
    }
  }
  const std::string share = check_text(budget, "budget");
  return in_context("budget", [&share] { return Budget::parse(share); });
}

std::filesystem::path check_path(const PathArgument& path, const char* name) {
  const py::module_ os = py::module_::import("os");
  const auto text = py::reinterpret_steal<py::object>(PyOS_FSPath(path.ptr()));
  if (!text) {
    py::error_already_set error;
    if (!error.matches(PyExc_TypeError)) throw error;
    throw py::type_error(cat(name, ": ", type_name(path), " came, text or a path expected"));
  }
  try {
    const std::string bytes = os.attr("fsencode")(text).cast<std::string>();
    if (bytes.find('\0') == std::string::npos) return bytes;
  } catch (const py::error_already_set& error) {
    if (!error.matches(PyExc_UnicodeError)) throw;
  }
  refuse(cat(name, ": ", std::string(py::repr(text))), "a name that a file can have");
}

}  // namespace eenet::python
