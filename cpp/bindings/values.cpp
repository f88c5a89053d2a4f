#include "values.h"

#include <cmath>

namespace eenet::python {
namespace {

/// Lists, dictionaries, text, bytes and numbers, as JSON has them but for bytes: a number that is
/// not finite becomes None.
py::object plain(const py::handle& value) {
  if (py::isinstance<py::float_>(value) && !std::isfinite(value.cast<double>())) return py::none();
  if (py::isinstance<py::array>(value)) return plain(value.attr("tolist")());
  if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    py::list out;
    for (const py::handle item : value) out.append(plain(item));
    return out;
  }
  if (py::isinstance<py::dict>(value)) {
    py::dict out;
    for (const auto& [key, item] : py::reinterpret_borrow<py::dict>(value)) out[key] = plain(item);
    return out;
  }
  if (py::hasattr(value, "to_dict")) return value.attr("to_dict")();
  return py::reinterpret_borrow<py::object>(value);
}

JsonObject to_dict(const py::handle& self) {
  const py::object property = py::module_::import("builtins").attr("property");
  JsonObject out;
  for (const py::handle item : py::type::of(self).attr("__dict__").attr("items")()) {
    const auto [name, attribute] = item.cast<std::pair<py::object, py::object>>();
    // Results of one task lack what those of others have.
    if (py::isinstance(attribute, property) && py::hasattr(self, name)) {
      out[name] = plain(self.attr(name));
    }
  }
  return out;
}

}  // namespace

void def_to_dict(py::object cls) {
  cls.attr("to_dict") = py::cpp_function(
      &to_dict, py::name("to_dict"), py::is_method(cls),
      R"(Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

Ready for `json.dumps`, but for hand-offs, which stay bytes.)");
}

void check_state(const PickledState& state, const char* name, std::size_t items) {
  const bool ours = state.size() == kStateHeader + items && py::isinstance<py::str>(state[0]);
  const std::string version = ours ? state[0].cast<std::string>() : "another version";
  if (version == EENET_VERSION) return;
  throw Error(ErrorCode::kInput,
              cat(name, ": pickled by eenet ", version, ", by ", EENET_VERSION, " expected"));
}

}  // namespace eenet::python
