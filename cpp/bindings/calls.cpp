#include <algorithm>
#include <cctype>
#include <cstddef>
#include <exception>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.h"
#include "bindings.h"
#include "util/text.h"

// Where the arguments of a call do not fit, pybind11 answers with the signatures of all overloads
// and the text of all arguments. Here this becomes one line that names the argument.

namespace eenet::python {
namespace {

using Record = py::detail::function_record;
using Dispatcher = PyObject* (*)(PyObject*, PyObject* const*, std::size_t, PyObject*);

// pybind11's, which is the same for all functions.
Dispatcher pybinds = nullptr;

struct Parameter {
  std::string name;
  std::string type;
  bool required = false;
};

struct Came {
  std::string name;
  py::handle value;
};

/// What stands between the commas of a signature, in which types have brackets and commas, too.
std::vector<std::string_view> split_signature(std::string_view signature) {
  std::vector<std::string_view> out;
  int depth = 0;
  std::size_t begin = signature.find('(') + 1;
  for (std::size_t i = begin; i < signature.size(); ++i) {
    const char c = signature[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (depth >= 0 && (c != ',' || depth > 0)) continue;
    out.push_back(signature.substr(begin, i - begin));
    if (depth < 0) break;
    begin = i + 2;
  }
  return out;
}

std::vector<Parameter> parameters_of(const Record& record) {
  std::vector<Parameter> out;
  for (const std::string_view part : split_signature(record.signature)) {
    const std::size_t colon = part.find(": ");
    if (colon == std::string_view::npos) continue;  // The star before those by keyword only.
    const std::size_t default_at = part.rfind(" = ");
    const bool required = default_at == std::string_view::npos;
    const std::string_view type =
        part.substr(colon + 2, required ? part.npos : default_at - colon - 2);
    out.push_back({std::string(part.substr(0, colon)), std::string(type), required});
  }
  return out;
}

/// As people say it: without modules, and numbers by their usual types.
std::string short_type(std::string type) {
  constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"eenet_rt._core.", ""},
      {"typing.", ""},
      {"collections.abc.", ""},
      {"numpy.", ""},
      {"SupportsInt | SupportsIndex", "int"},
      {"SupportsFloat | SupportsIndex", "float"}};
  for (const auto& [from, to] : kShort) {
    for (std::size_t at; (at = type.find(from)) != std::string::npos;) {
      type.replace(at, from.size(), to);
    }
  }
  return type;
}

/// Class of an argument; of a list also those of its items.
std::string describe(py::handle value) {
  if (!py::isinstance<py::list>(value) && !py::isinstance<py::tuple>(value))
    return type_name(value);
  std::set<std::string> items;
  for (const py::handle item : value) items.insert(type_name(item));
  return items.empty() ? type_name(value) : cat(type_name(value), " of ", join(items));
}

/// Whether a class is told by a type's name: ndarray by NDArray.
bool told_by(const std::string& type, std::string expected) {
  std::ranges::transform(expected, expected.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return expected.find(type) != std::string::npos;
}

std::string complain_of_name(const std::string& name, const std::vector<Parameter>& parameters) {
  py::list names;
  for (const Parameter& each : parameters) names.append(each.name);
  const py::list close = py::module_::import("difflib").attr("get_close_matches")(name, names, 1);
  const std::string hint =
      close.empty() ? "" : cat(", did you mean ", std::string(py::str(close[0])), "?");
  return cat("there is no argument ", quote_name(name), hint);
}

/// Of arguments that all have a place: which of them have a type that does not fit. As far as that
/// can be told from outside; else all of them.
std::string complain_of_types(const Record& overloads, const std::vector<Came>& came) {
  std::vector<std::string> doubtful;
  std::vector<std::string> all;
  for (const auto& [name, value] : came) {
    std::string expected;
    for (const Record* record = &overloads; record != nullptr; record = record->next) {
      for (const Parameter& each : parameters_of(*record)) {
        if (each.name != name) continue;
        const std::string type = short_type(each.type);
        if (expected.find(type) != std::string::npos) continue;
        expected += (expected.empty() ? "" : " or ") + type;
      }
    }
    const std::string type = describe(value);
    all.push_back(cat(name, ": ", type, " came, ", expected, " expected"));
    if (!told_by(type, expected)) doubtful.push_back(all.back());
  }
  return join(doubtful.empty() ? all : doubtful, "; ");
}

/// Why a call does not fit.
std::string complaint(const Record& overloads, PyObject* const* args, std::size_t count,
                      PyObject* keywords) {
  const std::vector<Parameter> parameters = parameters_of(overloads);
  const std::size_t self = overloads.is_method ? 1 : 0;
  const std::size_t most = overloads.nargs_pos;
  if (count > most) {
    return cat(count - self, " arguments came by position, at most ", most - self, " expected");
  }
  std::vector<Came> came;
  for (std::size_t i = self; i < count && i < parameters.size(); ++i) {
    came.push_back({parameters[i].name, args[i]});
  }
  const py::ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (py::ssize_t i = 0; i < named; ++i) {
    const std::string name = py::str(PyTuple_GET_ITEM(keywords, i));
    const auto is_it = [&name](const auto& each) { return each.name == name; };
    if (std::ranges::any_of(came, is_it)) return cat("the argument ", name, " came twice");
    if (std::ranges::none_of(parameters, is_it)) return complain_of_name(name, parameters);
    came.push_back({name, args[count + static_cast<std::size_t>(i)]});
  }
  for (std::size_t i = self; i < parameters.size(); ++i) {
    const auto is_it = [&](const Came& each) { return each.name == parameters[i].name; };
    if (parameters[i].required && std::ranges::none_of(came, is_it)) {
      return cat("the argument ", parameters[i].name, " is missing");
    }
  }
  if (self == 1 && count > 0 && !py::isinstance(args[0], overloads.scope)) {
    return cat("self: ", type_name(args[0]), " came, ",
               std::string(py::str(overloads.scope.attr("__name__"))), " expected");
  }
  return complain_of_types(overloads, came);
}

/// What messages call a function: a property by its class alone.
std::string called(const Record& record) {
  const std::string name = record.name == nullptr ? "" : record.name;
  if (!name.empty() && !record.is_constructor) return name + "()";
  const std::string scope = py::str(record.scope.attr("__name__"));
  return record.is_constructor ? scope + "()" : scope;
}

/// Puts one line in the place of pybind11's complaint, if the error that is set is one.
void shorten_complaint(PyObject* self, PyObject* const* args, std::size_t count,
                       PyObject* keywords) {
  const Record* const overloads = py::detail::function_record_ptr_from_PyObject(self);
  py::error_already_set error;
  const std::string text = py::str(error.value());
  if (overloads == nullptr || !text.starts_with(cat(overloads->name, "(): incompatible "))) {
    error.restore();
    return;
  }
  const std::string line =
      cat(called(*overloads), ": ", complaint(*overloads, args, count, keywords));
  py::set_error(PyExc_TypeError, line.c_str());
}

PyObject* dispatch(PyObject* self, PyObject* const* args, std::size_t count_and_flag,
                   PyObject* keywords) {
  const Record* const record = py::detail::function_record_ptr_from_PyObject(self);
  const std::size_t count = static_cast<std::size_t>(PyVectorcall_NARGS(count_and_flag));
  // Which pybind11 takes for a null pointer, and functions for an object.
  if (record != nullptr && record->is_method && count > 0 && args[0] == Py_None) {
    py::set_error(PyExc_TypeError,
                  cat(called(*record), ": self: NoneType came, ",
                      std::string(py::str(record->scope.attr("__name__"))), " expected")
                      .c_str());
    return nullptr;
  }
  try {
    // Throws where the name of an argument is no text that UTF-8 could hold.
    PyObject* const result = pybinds(self, args, count_and_flag, keywords);
    if (result != nullptr || PyErr_ExceptionMatches(PyExc_TypeError) == 0) return result;
    shorten_complaint(self, args, count, keywords);
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const std::exception& error) {
    py::set_error(PyExc_TypeError, error.what());
  }
  return nullptr;
}

void shorten_complaints_of(py::handle function) {
  if (PyInstanceMethod_Check(function.ptr()))
    function = PyInstanceMethod_GET_FUNCTION(function.ptr());
  if (!PyCFunction_Check(function.ptr())) return;
  PyObject* const self = PyCFunction_GET_SELF(function.ptr());
  if (self == nullptr || py::detail::function_record_ptr_from_PyObject(self) == nullptr) return;
  PyMethodDef* const definition = reinterpret_cast<PyCFunctionObject*>(function.ptr())->m_ml;
  if (definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return;
  const auto found =
      reinterpret_cast<Dispatcher>(reinterpret_cast<void (*)()>(definition->ml_meth));
  if (found == &dispatch) return;
  pybinds = found;
  definition->ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&dispatch));
}

}  // namespace

void shorten_complaints(const py::module_& module) {
  for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(module.attr("__dict__"))) {
    shorten_complaints_of(value);
    if (!PyType_Check(value.ptr())) continue;
    for (const py::handle member : value.attr("__dict__").attr("values")()) {
      shorten_complaints_of(member);
      if (Py_IS_TYPE(member.ptr(), &PyProperty_Type)) shorten_complaints_of(member.attr("fget"));
      if (py::isinstance<py::staticmethod>(member)) shorten_complaints_of(member.attr("__func__"));
    }
  }
}

}  // namespace eenet::python
