#include "arrays.h"

#include <type_traits>

#include <pybind11/stl/filesystem.h>

#include "eenet/error.h"

#include "util/context.h"
#include "util/text.h"

namespace eenet::python {
namespace {

static_assert(std::is_same_v<py::ssize_t, std::int64_t>, "numpy's shapes are copied as they are");

[[noreturn]] void refuse(const std::string& came, const std::string& expected) {
  throw Error(ErrorCode::kInput, cat(came, " came, ", expected, " expected"));
}

std::string type_name(py::handle object) {
  return py::str(py::type::handle_of(object).attr("__qualname__"));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return cat("shape (", join(shape), ")");
}

bool has_dtype(const py::array& array, DType wanted) {
  const py::dtype came = array.dtype();
  const py::dtype expected =
      wanted == DType::kFloat32 ? py::dtype::of<float>() : py::dtype::of<std::int64_t>();
  // Native dtypes are one object each, so the slow comparison is for exotic ones.
  return came.is(expected) || came.equal(expected);
}

}  // namespace

std::span<const float> CheckedArray::floats() const {
  return {static_cast<const float*>(array.data()), static_cast<std::size_t>(array.size())};
}

CheckedArray check_array(py::handle object, DType dtype) {
  if (!py::isinstance<py::array>(object)) refuse(type_name(object), "a numpy array");
  CheckedArray checked{py::reinterpret_borrow<py::array>(object), dtype, {}};
  const py::array& array = checked.array;
  if (!has_dtype(array, dtype)) refuse(py::str(array.dtype()), std::string(dtype_name(dtype)));
  checked.shape.assign(array.shape(), array.shape() + array.ndim());
  if ((array.flags() & py::array::c_style) == 0) {
    const std::span<const std::int64_t> strides(array.strides(), checked.shape.size());
    refuse(cat("strides (", join(strides), ") for ", shape_text(checked.shape)),
           "a C-contiguous array (see numpy.ascontiguousarray)");
  }
  return checked;
}

CheckedArray check_floats(py::handle object, std::size_t ndim, const std::string& what) {
  return in_context(what, [&] {
    CheckedArray checked = check_array(object, DType::kFloat32);
    if (checked.shape.size() != ndim) {
      refuse(shape_text(checked.shape), cat(ndim, " dimensions"));
    }
    return checked;
  });
}

CheckedLogits check_logits(const LogitsArgument& logits) {
  CheckedArray array = check_floats(logits, 3, "logits");
  const auto size = [&array](std::size_t i) { return static_cast<std::size_t>(array.shape[i]); };
  if (size(1) < 1 || size(2) < 2) {
    refuse(cat("logits: ", shape_text(array.shape)), "(N, K, C) with K >= 1 and C >= 2");
  }
  const LogitsView view{array.floats().data(), size(0), size(1), size(2)};
  return {std::move(array), view};
}

std::shared_ptr<const Combiner> check_combiner(const CombinerArgument& combiner,
                                               std::size_t num_exits, std::size_t num_classes) {
  if (combiner.is_none()) return nullptr;
  if (!py::isinstance<py::tuple>(combiner) || py::len(combiner) != 2) {
    refuse(cat("combiner: ", type_name(combiner)), "None or a tuple (weight, bias)");
  }
  const auto parts = py::reinterpret_borrow<py::tuple>(combiner);
  const auto matrix = [&](py::handle part, std::size_t columns, const char* what) {
    const CheckedArray array = check_floats(part, 2, what);
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(num_exits),
                                             static_cast<std::int64_t>(columns)};
    if (array.shape != shape) {
      refuse(cat(what, ": ", shape_text(array.shape)), shape_text(shape));
    }
    return std::vector<float>(array.floats().begin(), array.floats().end());
  };
  return std::make_shared<const Combiner>(num_exits, num_classes,
                                          matrix(parts[0], num_exits, "combiner, weight"),
                                          matrix(parts[1], num_classes, "combiner, bias"));
}

std::filesystem::path check_path(const PathArgument& path) {
  return py::module_::import("os").attr("fspath")(path).cast<std::filesystem::path>();
}

}  // namespace eenet::python
