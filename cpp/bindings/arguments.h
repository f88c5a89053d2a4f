#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::python {

namespace py = pybind11;

/// Text as a template's argument.
template <std::size_t kSize>
struct ArgumentName {
  consteval ArgumentName(const char (&name)[kSize]) { std::copy_n(name, kSize, text); }

  char text[kSize];
};

/// An argument that is a number, a list of numbers or a text, and whose refusal names it. In the
/// bindings of a function it stands for the value.
///
/// Where a number is expected, truth values are refused, those of numpy included: to Python they
/// are numbers as well.
template <ArgumentName kName, typename T>
struct Given {
  T value;

  operator const T&() const { return value; }
};

// Of a controller.
using Horizon = Given<"horizon", std::int64_t>;
using Window = Given<"window", std::int64_t>;
using Neighbours = Given<"neighbours", std::int64_t>;

/// Name of an object's class.
std::string type_name(py::handle object);

/// @throws py::error_already_set (TypeError) unless it is an integer.
/// @throws Error(kInput) unless it is `least` .. `most`.
std::int64_t check_integer(py::handle object, const std::string& name, std::int64_t least,
                           std::int64_t most);

/// @throws py::error_already_set (TypeError) unless it is a number.
double check_number(py::handle object, const std::string& name);

/// @throws py::error_already_set (TypeError) unless it is iterable and of numbers.
std::vector<double> check_numbers(py::handle object, const std::string& name);

/// @throws py::error_already_set (TypeError) unless it is iterable and of integers.
/// @throws Error(kInput) unless they are 0 .. `most`.
std::vector<std::size_t> check_sizes(py::handle object, const std::string& name, std::size_t most);

/// @throws py::error_already_set (TypeError) unless it is text.
/// @throws Error(kInput) if it has surrogates, which no encoding takes.
std::string check_text(py::handle object, const std::string& name);

template <typename T>
T check_argument(py::handle object, const char* name) {
  if constexpr (std::is_same_v<T, double>) {
    return check_number(object, name);
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    return check_numbers(object, name);
  } else if constexpr (std::is_same_v<T, std::vector<std::size_t>>) {
    return check_sizes(object, name, std::numeric_limits<std::int64_t>::max());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return check_text(object, name);
  } else {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>);
    using Limits = std::numeric_limits<T>;
    const auto most =
        std::min<std::uint64_t>(Limits::max(), std::numeric_limits<std::int64_t>::max());
    const auto least = std::is_signed_v<T> ? static_cast<std::int64_t>(Limits::min()) : 0;
    return static_cast<T>(check_integer(object, name, least, static_cast<std::int64_t>(most)));
  }
}

}  // namespace eenet::python

namespace pybind11::detail {

template <eenet::python::ArgumentName kName, typename T>
struct type_caster<eenet::python::Given<kName, T>> {
  using Argument = eenet::python::Given<kName, T>;
  PYBIND11_TYPE_CASTER(Argument, make_caster<T>::name);

  bool load(handle source, bool) {
    value.value = eenet::python::check_argument<T>(source, kName.text);
    return true;
  }
};

}  // namespace pybind11::detail
