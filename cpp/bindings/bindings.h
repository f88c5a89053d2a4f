#pragma once

#include <memory>
#include <optional>

#include <pybind11/pybind11.h>

#include "handle.h"

namespace eenet::python {

namespace py = pybind11;

// One function per class or group of functions. Each must come after those whose types it names.

void register_errors(py::module_& module);
void register_exit_policy(py::module_& module);
void register_schedule(py::module_& module);
void register_manifest(py::module_& module);
void register_replacement(py::module_& module);
void register_regression_outputs(py::module_& module);
void register_replay(py::module_& module);
void register_stream(py::module_& module);
void register_explanation(py::module_& module);
void register_result(py::module_& module);
void register_batch_result(py::module_& module);
void register_slice(py::module_& module);
void register_stats(py::module_& module);
void register_providers(py::module_& module);
void register_watch(py::module_& module);
void register_runtime(py::module_& module);
void register_load(py::module_& module);

using RuntimeClass = py::class_<RuntimeHandle>;

/// Adds the methods that classify, and the statistics of what they did.
void def_infer(RuntimeClass& cls);
/// Adds the methods that watch samples for drift.
void def_watch(RuntimeClass& cls);

/// Warns that the budget is above the full cost, so that full depth is in force.
void warn_full_depth(const Runtime& runtime, const Budget& budget);

/// Sees to it, when all classes are there, that no object of one exists without its value.
void guard_classes(const py::module_& module);

/// Makes one line of pybind11's complaints about arguments, when all functions are there.
void shorten_complaints(const py::module_& module);

/// Issues a Python warning of the named class of this module.
/// @throws py::error_already_set if the caller has turned warnings into errors.
void warn(const char* category, const char* message);

/// Python has no const; the bindings offer nothing that would change such an object.
template <typename T>
std::shared_ptr<T> without_const(const std::shared_ptr<const T>& pointer) {
  return std::const_pointer_cast<T>(pointer);
}

/// As without_const(), for stubs to say that null, as None, is to be expected.
template <typename T>
std::optional<std::shared_ptr<T>> or_none(const std::shared_ptr<const T>& pointer) {
  return pointer ? std::optional(without_const(pointer)) : std::nullopt;
}

}  // namespace eenet::python
