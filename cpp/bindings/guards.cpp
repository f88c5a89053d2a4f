#include <string>

#include "bindings.h"
#include "values.h"

// pybind11 gives out objects without a value, by `cls.__new__(cls)` and through it by `copy` and
// `pickle`, and takes what is not there for the value as soon as they are used.

namespace eenet::python {
namespace {

std::string name_of(PyTypeObject* type) {
  return py::str(py::handle(reinterpret_cast<PyObject*>(type)).attr("__name__"));
}

/// `tp_new` of classes without a constructor: the bindings make their objects in another way.
PyObject* refuse_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "%s: has no constructor", name_of(type).c_str());
  return nullptr;
}

/// `tp_new` of classes with one, which are final. That `__init__` comes again does nothing.
PyObject* make_whole(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  auto made = py::reinterpret_steal<py::object>(py::detail::make_new_instance(type));
  if (!made || type->tp_init(made.ptr(), args, kwargs) != 0) return nullptr;
  return made.release().ptr();
}

[[noreturn]] PickledState refuse_pickling(const py::object& self) {
  throw py::type_error("cannot pickle '" + name_of(Py_TYPE(self.ptr())) + "' object");
}

}  // namespace

void guard_classes(const py::module_& module) {
  for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(module.attr("__dict__"))) {
    if (!PyType_Check(value.ptr())) continue;
    auto* const type = reinterpret_cast<PyTypeObject*>(value.ptr());
    if (py::detail::get_type_info(type) == nullptr) continue;
    const py::object members = value.attr("__dict__");
    // pybind11 gives every class an `__init__`, a slot of its own where the bindings define none.
    const py::object init = members["__init__"];
    type->tp_new = Py_IS_TYPE(init.ptr(), &PyWrapperDescr_Type) ? &refuse_new : &make_whole;
    // A subclass could have its own `__init__` called on an object without a value.
    type->tp_flags &= ~Py_TPFLAGS_BASETYPE;
    PyType_Modified(type);
    if (!members.contains("__reduce__")) {
      value.attr("__reduce__") =
          py::cpp_function(&refuse_pickling, py::name("__reduce__"), py::is_method(value));
    }
  }
}

}  // namespace eenet::python
