#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include "eenet/budget.h"
#include "eenet/tensor.h"

#include "budget/replay.h"
#include "decision/exit_policy.h"

namespace eenet::python {

namespace py = pybind11;

inline bool any_object(PyObject*) {
  return true;
}

// Arguments that are checked by hand, because pybind11 would convert them or refuse them without
// saying what is wrong. The classes exist for the signatures that users and stubs see.
#define EENET_ARGUMENT(Name)                              \
  class Name : public py::object {                        \
    PYBIND11_OBJECT_DEFAULT(Name, py::object, any_object) \
  }

EENET_ARGUMENT(InputArgument);        ///< An array, or one per name.
EENET_ARGUMENT(ImagesArgument);       ///< uint8 (H, W, C) or (N, H, W, C).
EENET_ARGUMENT(HandoffArgument);      ///< What has the buffer protocol.
EENET_ARGUMENT(OutputsArgument);      ///< float32 (N, K, C), or RegressionOutputs.
EENET_ARGUMENT(ScoreEdgesArgument);   ///< None or float32 (K-1, B-1).
EENET_ARGUMENT(ScoreSharesArgument);  ///< None or float64 (K-1, B).
EENET_ARGUMENT(CombinerArgument);     ///< None or (weight, bias).
EENET_ARGUMENT(SampleCostsArgument);  ///< None or float64 (N, K).
EENET_ARGUMENT(ScorersArgument);      ///< A tuple of arrays per exit but the last.
EENET_ARGUMENT(PolicyArgument);       ///< An ExitPolicy, None, or left out.
EENET_ARGUMENT(PathArgument);         ///< What os.fspath takes.
EENET_ARGUMENT(BudgetArgument);       ///< A number, or a share such as "65%".

#undef EENET_ARGUMENT

/// A dictionary as JSON has them.
class JsonObject : public py::dict {
  using py::dict::dict;
};

/// Python's `range`.
class Range : public py::object {
  PYBIND11_OBJECT_DEFAULT(Range, py::object, any_object)
};

/// Name of each input to its dtype and shape.
using InputTypes = py::typing::Dict<
    py::str, py::typing::Tuple<
                 py::str, py::typing::Tuple<py::typing::Union<py::int_, py::str>, py::ellipsis>>>;

/// A numpy array that is what it is expected to be, and kept alive.
struct CheckedArray {
  py::array array;
  DType dtype = DType::kFloat32;
  // Copied, since another thread may reshape the array while the GIL is released.
  std::vector<std::int64_t> shape;
  bool contiguous = false;  ///< As C has arrays.

  TensorView view() const { return {dtype, shape, array.data()}; }
  std::span<const float> floats() const;
};

/// @throws Error(kInput) unless it is a numpy array of this dtype in native byte order.
CheckedArray check_array(py::handle object, DType dtype);

/// Comes after any check of the shape: that of a transposed array is the better complaint.
/// @throws Error(kInput) unless the array is contiguous.
void check_contiguous(const CheckedArray& checked);

/// As check_array, for a C-contiguous array of float32 and `ndim` dimensions.
/// @param what Names the array in messages.
CheckedArray check_floats(py::handle object, std::size_t ndim, const std::string& what);

/// @throws Error(kInput) unless it is a C-contiguous numpy array of float64 and `ndim` dimensions.
/// @param what Names the array in messages.
py::array_t<double> check_doubles(py::handle object, py::ssize_t ndim, const std::string& what);

/// Images of one size, with the bytes of a row next to each other whatever the caller's strides.
struct CheckedImages {
  py::array_t<std::uint8_t> array;
  bool batch = false;  ///< Whether there is a batch axis.
  std::size_t count = 1;
  std::size_t height = 0;
  std::size_t width = 0;

  std::span<const std::uint8_t> image(std::size_t index) const;
};

/// @throws Error(kInput) unless they are uint8 (H, W, channels) or (N, H, W, channels).
CheckedImages check_images(const ImagesArgument& images, std::size_t channels);

/// What exits that regress put out for N samples.
struct RegressionOutputs {
  CheckedArray values;               ///< (N, K, D)
  std::vector<CheckedArray> hidden;  ///< Of each exit, (N, H_k).
};

/// @throws Error(kInput) unless the arrays are such.
RegressionOutputs check_regression_outputs(const py::array& values,
                                           const std::vector<py::object>& hidden);

/// What K exits put out for N samples; keeps the arrays.
struct CheckedOutputs {
  std::vector<CheckedArray> arrays;
  LoggedOutputs outputs;
  std::optional<std::size_t> num_classes;  ///< Of logits.
};
CheckedOutputs check_outputs(const OutputsArgument& outputs);

/// @param num_classes None: as many as it has.
/// @return Null for None.
std::shared_ptr<const Combiner> check_combiner(const CombinerArgument& combiner,
                                               std::size_t num_exits,
                                               std::optional<std::size_t> num_classes);

/// The numbers of an array, row by row; none for None.
std::vector<double> check_sample_costs(const SampleCostsArgument& costs, const char* name);

/// @throws Error(kInput) if it is neither a number nor a share.
Budget check_budget(const BudgetArgument& budget);

/// @throws py::error_already_set (TypeError) if it is not a path, Error(kInput) if no file can have
/// it.
std::filesystem::path check_path(const PathArgument& path, const char* name = "path");

/// A new array that owns a copy.
template <typename T>
py::array_t<T> copy_array(std::span<const T> values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}
template <typename T>
py::array_t<T> copy_matrix(std::span<const T> values, std::size_t rows) {
  const auto columns = static_cast<py::ssize_t>(rows == 0 ? 0 : values.size() / rows);
  return py::array_t<T>({static_cast<py::ssize_t>(rows), columns}, values.data());
}

}  // namespace eenet::python

namespace pybind11::detail {

#define EENET_ARGUMENT_TYPE(Name, text)            \
  template <>                                      \
  struct handle_type_name<eenet::python::Name> {   \
    static constexpr auto name = const_name(text); \
  }

EENET_ARGUMENT_TYPE(InputArgument,
                    "numpy.typing.NDArray[typing.Any] | "
                    "dict[str, numpy.typing.NDArray[typing.Any]]");
EENET_ARGUMENT_TYPE(ImagesArgument, "numpy.typing.NDArray[numpy.uint8]");
EENET_ARGUMENT_TYPE(HandoffArgument, "bytes | bytearray | memoryview");
EENET_ARGUMENT_TYPE(ScoreEdgesArgument, "numpy.typing.NDArray[numpy.float32] | None");
EENET_ARGUMENT_TYPE(ScoreSharesArgument, "numpy.typing.NDArray[numpy.float64] | None");
EENET_ARGUMENT_TYPE(OutputsArgument,
                    "numpy.typing.NDArray[numpy.float32] | eenet_rt._core.RegressionOutputs");
EENET_ARGUMENT_TYPE(CombinerArgument,
                    "tuple[numpy.typing.NDArray[numpy.float32], "
                    "numpy.typing.NDArray[numpy.float32]] | None");
EENET_ARGUMENT_TYPE(SampleCostsArgument, "numpy.typing.NDArray[numpy.float64] | None");
EENET_ARGUMENT_TYPE(ScorersArgument,
                    "collections.abc.Sequence[tuple[numpy.typing.NDArray[numpy.float32], ...]]");
EENET_ARGUMENT_TYPE(PolicyArgument, "eenet_rt._core.ExitPolicy | None");
EENET_ARGUMENT_TYPE(PathArgument, "os.PathLike[str] | str");
EENET_ARGUMENT_TYPE(BudgetArgument, "float | str");
EENET_ARGUMENT_TYPE(JsonObject, "dict[str, typing.Any]");
EENET_ARGUMENT_TYPE(Range, "range");

#undef EENET_ARGUMENT_TYPE

}  // namespace pybind11::detail
