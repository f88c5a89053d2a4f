#pragma once

#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include "eenet/options.h"

namespace eenet::python {

namespace py = pybind11;

/// A sequence of names or (name, options).
class ProvidersArgument : public py::object {
  static bool any_object(PyObject*) { return true; }

 public:
  PYBIND11_OBJECT_DEFAULT(ProvidersArgument, py::object, any_object)
};

/// Name of each provider to what is known of it.
using ProviderTable = py::typing::Dict<py::str, py::typing::Dict<py::str, py::str>>;

/// @throws Error(kInput) unless it is what its class says, options being strings and integers.
std::vector<ProviderSpec> check_providers(const ProvidersArgument& providers);

/// What the installed packages hold, found without importing them.
LibraryFiles find_libraries();

}  // namespace eenet::python

namespace pybind11::detail {

template <>
struct handle_type_name<eenet::python::ProvidersArgument> {
  static constexpr auto name =
      const_name("collections.abc.Sequence[str | tuple[str, dict[str, str | int]]]");
};

}  // namespace pybind11::detail
