#include "arguments.h"

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/numpy.h>

namespace eenet::python {
namespace {

[[noreturn]] void refuse_type(py::handle came, const std::string& name, const char* expected) {
  throw py::type_error(cat(name, ": ", type_name(came), " came, ", expected, " expected"));
}

bool is_truth_value(py::handle object) {
  if (PyBool_Check(object.ptr())) return true;
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> numpys;
  numpys.call_once_and_store_result(
      [] { return py::object(py::module_::import("numpy").attr("bool_")); });
  return py::isinstance(object, numpys.get_stored());
}

/// Whether `float()` would take it for a number, and not for what one may be read from.
bool is_number(py::handle object) {
  if (is_truth_value(object)) return false;
  if (PyFloat_Check(object.ptr()) != 0 || PyLong_Check(object.ptr()) != 0) return true;
  if (PyNumber_Check(object.ptr()) == 0 || py::isinstance<py::array>(object)) return false;
  // numpy's complex numbers turn into floats, without their imaginary part.
  const py::module_ numbers = py::module_::import("numbers");
  return !py::isinstance(object, numbers.attr("Complex")) ||
         py::isinstance(object, numbers.attr("Real"));
}

/// Of one number per exit.
template <typename T, typename Check>
std::vector<T> check_list(py::handle object, const std::string& name, const char* expected,
                          const Check& check) {
  const bool text = py::isinstance<py::str>(object) || py::isinstance<py::bytes>(object);
  if (text || py::isinstance<py::dict>(object) || !py::isinstance<py::iterable>(object)) {
    refuse_type(object, name, expected);
  }
  constexpr std::size_t kMost = 1024;  // An iterator may have no end.
  std::vector<T> out;
  for (const py::handle item : object) {
    if (out.size() == kMost) {
      throw Error(ErrorCode::kInput,
                  cat(name, ": more than ", kMost, " numbers came, one per exit expected"));
    }
    out.push_back(check(item, cat(name, "[", out.size(), "]")));
  }
  return out;
}

}  // namespace

std::string type_name(py::handle object) {
  return py::str(py::type::handle_of(object).attr("__qualname__"));
}

std::int64_t check_integer(py::handle object, const std::string& name, std::int64_t least,
                           std::int64_t most) {
  const bool integer = PyLong_CheckExact(object.ptr()) != 0 ||
                       (PyIndex_Check(object.ptr()) != 0 && is_number(object));
  if (!integer) refuse_type(object, name, "an integer");
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
  if (!index) throw py::error_already_set();
  int overflow = 0;
  const std::int64_t value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow == 0 && value >= least && value <= most) return value;
  throw Error(ErrorCode::kInput,
              cat(name, ": ", shorten(overflow == 0 ? cat(value) : "an integer of many digits", 40),
                  " came, ", least, " to ", most, " expected"));
}

double check_number(py::handle object, const std::string& name) {
  if (PyFloat_CheckExact(object.ptr()) != 0) return PyFloat_AS_DOUBLE(object.ptr());
  if (!is_number(object)) refuse_type(object, name, "a number");
  const double value = PyFloat_AsDouble(object.ptr());
  if (value == -1 && PyErr_Occurred() != nullptr) {
    const py::error_already_set error;
    if (!error.matches(PyExc_OverflowError) && !error.matches(PyExc_TypeError)) throw error;
    refuse_type(object, name, "a number that a float can hold");
  }
  return value;
}

std::vector<double> check_numbers(py::handle object, const std::string& name) {
  return check_list<double>(object, name, "a list of numbers", &check_number);
}

std::vector<std::size_t> check_sizes(py::handle object, const std::string& name, std::size_t most) {
  const auto check = [most](py::handle item, const std::string& which) {
    return static_cast<std::size_t>(check_integer(item, which, 0, static_cast<std::int64_t>(most)));
  };
  return check_list<std::size_t>(object, name, "a list of integers", check);
}

std::string check_text(py::handle object, const std::string& name) {
  if (!py::isinstance<py::str>(object)) refuse_type(object, name, "text");
  py::ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (text != nullptr) return {text, static_cast<std::size_t>(size)};
  PyErr_Clear();
  const std::string shown = py::str(py::repr(object));
  throw Error(ErrorCode::kInput,
              cat(name, ": ", shorten(shown, 80), " came, text without lone surrogates expected"));
}

}  // namespace eenet::python
