#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "eenet/error.h"

#include "arrays.h"
#include "util/text.h"

namespace eenet::python {

namespace py = pybind11;

/// Adds `to_dict()`: every property by its name, as plain Python values.
void def_to_dict(py::object cls);

// --- pickling -------------------------------------------------------------------------------
//
// A state is a tuple: the version of eenet, then one item for each member that is listed.

class PickledState : public py::tuple {
 public:
  PYBIND11_OBJECT_DEFAULT(PickledState, py::tuple, PyTuple_Check)
};

inline constexpr std::size_t kStateHeader = 1;

/// @throws Error(kInput) unless the state is one that this version of eenet made.
void check_state(const PickledState& state, const char* name, std::size_t items);

template <typename T>
inline constexpr bool kPlainNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

/// A C++ value as pickle takes it. Vectors of numbers travel as arrays.
template <typename T>
struct State {
  static py::object pack(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return py::int_(static_cast<int>(value));
    } else {
      return py::cast(value);
    }
  }
  static T unpack(py::handle state) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(state.cast<int>());
    } else {
      return state.cast<T>();
    }
  }
};

template <typename T>
struct State<std::shared_ptr<const T>> {
  static py::object pack(const std::shared_ptr<const T>& value) {
    return py::cast(std::const_pointer_cast<T>(value));
  }
  static std::shared_ptr<const T> unpack(py::handle state) {
    return state.cast<std::shared_ptr<T>>();
  }
};

template <typename T>
struct State<std::optional<T>> {
  static py::object pack(const std::optional<T>& value) {
    return value ? State<T>::pack(*value) : py::none();
  }
  static std::optional<T> unpack(py::handle state) {
    return state.is_none() ? std::nullopt : std::optional(State<T>::unpack(state));
  }
};

template <typename T>
struct State<std::vector<T>> {
  static py::object pack(const std::vector<T>& values) {
    if constexpr (kPlainNumber<T>) {
      return copy_array<T>(values);
    } else if constexpr (std::is_same_v<T, std::byte>) {
      return py::bytes(reinterpret_cast<const char*>(values.data()), values.size());
    } else {
      py::list out;
      for (const T& value : values) out.append(State<T>::pack(value));
      return out;
    }
  }
  static std::vector<T> unpack(py::handle state) {
    std::vector<T> out;
    if constexpr (kPlainNumber<T>) {
      const auto array = state.cast<py::array_t<T, py::array::c_style | py::array::forcecast>>();
      out.assign(array.data(), array.data() + array.size());
    } else if constexpr (std::is_same_v<T, std::byte>) {
      const std::string_view bytes = py::reinterpret_borrow<py::bytes>(state);
      const auto* const data = reinterpret_cast<const std::byte*>(bytes.data());
      out.assign(data, data + bytes.size());
    } else {
      for (const py::handle value : state) out.push_back(State<T>::unpack(value));
    }
    return out;
  }
};

template <typename T>
struct State<py::array_t<T>> {
  static py::object pack(const py::array_t<T>& array) { return array; }
  static py::array_t<T> unpack(py::handle state) { return state.cast<py::array_t<T>>(); }
};

template <typename T, typename... Members>
PickledState pack(const T& value, Members... members) {
  return py::make_tuple(EENET_VERSION,
                        State<std::decay_t<decltype(value.*members)>>::pack(value.*members)...);
}

template <typename T, typename... Members>
T unpack(const PickledState& state, const char* name, Members... members) {
  check_state(state, name, sizeof...(members));
  T value{};
  std::size_t item = kStateHeader;
  ((value.*members = State<std::decay_t<decltype(value.*members)>>::unpack(state[item++])), ...);
  return value;
}

/// @throws py::type_error unless it is one.
template <typename T>
const T& checked_self(const py::object& self) {
  if (!py::isinstance<T>(self)) {
    throw py::type_error(std::string(py::str(py::type::of<T>().attr("__name__"))) +
                         " expected as self");
  }
  return self.cast<const T&>();
}

/// Makes a class picklable, by every protocol, and so copyable.
///
/// Not by `py::pickle`, for which an object has to exist before its value does.
/// @param get_state Of a value, a PickledState.
/// @param set_state Of a PickledState, a value or the holder of one.
template <typename T, typename... Options, typename Get, typename Set>
void def_state(py::class_<T, Options...>& cls, Get get_state, Set set_state) {
  cls.def("__reduce__", [get_state](const py::object& self) {
    const py::object restore = py::module_::import("eenet_rt._pickling").attr("restore");
    const py::tuple arguments =
        py::make_tuple(py::type::of(self), get_state(checked_self<T>(self)));
    return PickledState(py::make_tuple(restore, arguments));
  });
  cls.def_static("_from_state", set_state, py::arg("state"), "What `__reduce__` took apart.");
}

/// As def_state(), of a class of plain members.
template <typename T, typename... Options, typename... Members>
void def_pickle(py::class_<T, Options...>& cls, const char* name, Members... members) {
  def_state(
      cls, [=](const T& value) { return pack(value, members...); },
      [=](const PickledState& state) { return unpack<T>(state, name, members...); });
}

}  // namespace eenet::python

namespace pybind11::detail {

template <>
struct handle_type_name<eenet::python::PickledState> {
  static constexpr auto name = const_name("tuple[typing.Any, ...]");
};

}  // namespace pybind11::detail
