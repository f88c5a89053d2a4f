#include <array>
#include <cstring>
#include <string>

#include "eenet/error.h"

#include "bindings.h"

namespace eenet::python {
namespace {

struct Family {
  ErrorCode code;
  const char* name;
  PyObject* also;  ///< Second base class, or null.
  const char* doc;
};

// Python exceptions by ErrorCode. The module keeps them alive.
std::array<PyObject*, 9> exceptions{};
py::handle this_module;

py::object make_class(py::module_& module, const char* name, const py::tuple& bases,
                      const char* doc) {
  const std::string qualified = std::string("eenet_rt._core.") + name;
  const auto made = py::reinterpret_steal<py::object>(
      PyErr_NewExceptionWithDoc(qualified.c_str(), doc, bases.ptr(), nullptr));
  if (!made) throw py::error_already_set();
  module.attr(name) = made;
  return made;
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Error& error) {
    // Messages may quote paths and library texts that are not UTF-8.
    const char* const text = error.what();
    const auto message = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(text, static_cast<py::ssize_t>(std::strlen(text)), "replace"));
    PyErr_SetObject(exceptions[static_cast<std::size_t>(error.code())], message.ptr());
  }
}

}  // namespace

void register_errors(py::module_& module) {
  this_module = module;
  const py::object base =
      make_class(module, "EenetError", py::make_tuple(py::handle(PyExc_Exception)),
                 "Base of everything that eenet_rt raises on its own account.");
  const Family families[] = {
      {ErrorCode::kBundle, "BundleError", nullptr,
       "A bundle is damaged, inconsistent, not understood, or above the memory limit."},
      {ErrorCode::kSchedule, "ScheduleError", nullptr,
       "A scheduler file or exit policy is malformed or made for another network."},
      {ErrorCode::kInput, "InputError", PyExc_ValueError,
       "An argument does not have the type, dtype, shape, strides or values expected."},
      {ErrorCode::kBudget, "BudgetError", PyExc_ValueError,
       "A budget cannot be met, or nothing says what it would cost."},
      {ErrorCode::kBackend, "BackendError", PyExc_RuntimeError,
       "ONNX Runtime is missing, too old, or reported a failure."},
      {ErrorCode::kNonFinite, "NonFiniteError", PyExc_ArithmeticError,
       "An exit produced NaN or infinite logits, so that it has no answer."},
      {ErrorCode::kConfiguration, "ConfigurationError", PyExc_RuntimeError,
       "A request contradicts the state of the process, as its number of threads or a fork."},
      {ErrorCode::kTimeout, "LoadTimeoutError", PyExc_TimeoutError,
       "A load took longer than `load_timeout`."},
  };
  for (const Family& family : families) {
    py::list bases;
    bases.append(base);
    if (family.also != nullptr) bases.append(py::handle(family.also));
    exceptions[static_cast<std::size_t>(family.code)] =
        make_class(module, family.name, py::tuple(bases), family.doc).ptr();
  }
  // Python ends no call but by a signal, whose handler raises what it likes.
  exceptions[static_cast<std::size_t>(ErrorCode::kCancelled)] = base.ptr();
  const py::tuple warning = py::make_tuple(py::handle(PyExc_UserWarning));
  make_class(module, "BudgetWarning", warning,
             "A budget is above the cost of full depth, which then runs.");
  make_class(module, "ProfileWarning", warning,
             "A bundle has no cost profile for this device: it runs, but takes no budget in ms.");
  py::register_local_exception_translator(translate);
}

void warn(const char* category, const char* message) {
  const py::object warning = this_module.attr(category);
  if (PyErr_WarnEx(warning.ptr(), message, 1) != 0) throw py::error_already_set();
}

}  // namespace eenet::python
