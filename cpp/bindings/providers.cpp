#include "providers.h"

#include <utility>

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/stl.h>

#include "eenet/error.h"

#include "arguments.h"
#include "backends/registry.h"
#include "bindings.h"
#include "core/device.h"
#include "gil.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

[[noreturn]] void fail(const std::string& where, py::handle came, const char* expected) {
  throw Error(ErrorCode::kInput,
              cat(where, ": ", type_name(came), " came, ", expected, " expected"));
}

std::string check_name(const std::string& where, py::handle object) {
  if (!py::isinstance<py::str>(object)) fail(where, object, "a name or (name, options)");
  return check_text(object, where);
}

std::map<std::string, std::string> check_options(const std::string& where, py::handle object) {
  if (!py::isinstance<py::dict>(object)) fail(where, object, "a dictionary of options");
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(object)) {
    if (!py::isinstance<py::str>(key)) fail(cat(where, ": name of an option"), key, "str");
    const std::string name = check_text(key, cat(where, ": name of an option"));
    // True would be "True", which some providers take for false.
    const bool number = py::isinstance<py::int_>(value) && !py::isinstance<py::bool_>(value);
    const std::string option = cat(where, ": option ", quote_name(name));
    if (!number && !py::isinstance<py::str>(value)) fail(option, value, "str or int");
    out.emplace(name, check_text(py::str(value), option));
  }
  return out;
}

ProviderSpec check_provider(const std::string& where, py::handle object) {
  if (!py::isinstance<py::tuple>(object)) return {check_name(where, object)};
  const auto pair = py::reinterpret_borrow<py::tuple>(object);
  if (pair.size() != 2) {
    throw Error(ErrorCode::kInput,
                cat(where, ": a tuple of ", pair.size(), " came, (name, options) expected"));
  }
  return {check_name(where, pair[0]), check_options(where, pair[1])};
}

ProviderTable list_here() {
  ProviderTable out;
  for (const ProviderInfo& info : list_providers(find_libraries())) {
    py::dict entry;
    entry["backend"] = info.backend;
    entry["official_name"] = info.official_name;
    entry["version"] = info.version;
    entry["library"] = info.library;
    out[py::str(info.name)] = entry;
  }
  return out;
}

std::string device_of(const Given<"provider", std::string>& provider) {
  return device_name(BackendRegistry::built_in().accelerator(provider));
}

}  // namespace

std::vector<ProviderSpec> check_providers(const ProvidersArgument& providers) {
  const bool text = py::isinstance<py::str>(providers);
  if (text || !py::isinstance<py::sequence>(providers)) {
    fail("providers", providers, "a list of names or (name, options)");
  }
  std::vector<ProviderSpec> out;
  for (const py::handle& each : py::reinterpret_borrow<py::sequence>(providers)) {
    out.push_back(check_provider(cat("providers[", out.size(), "]"), each));
  }
  return out;
}

LibraryFiles find_libraries() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> find;
  find.call_once_and_store_result(
      [] { return py::object(py::module_::import("eenet_rt._libraries").attr("find_libraries")); });
  const auto found =
      py::reinterpret_steal<py::object>(call_python(find.get_stored().ptr(), nullptr));
  if (!found) throw py::error_already_set();
  using Found = std::pair<std::map<std::string, std::vector<std::string>>,
                          std::map<std::string, std::string>>;
  auto [libraries, plugins] = found.cast<Found>();
  return {std::move(libraries), std::move(plugins)};
}

void register_providers(py::module_& module) {
  module.def("providers", &list_here,
             R"(List the providers that `load` can be asked for here.

Whether a device that one needs works is only known when it is asked for.

Returns:
    Name of each to a dictionary: `backend`, the library that has it; `official_name`, that
    library's own name of it; `version` of that library; `library`, the file that holds it.

Raises:
    BackendError: If ONNX Runtime is missing or too old.)");
  module.def("device_name", &device_of, "provider"_a = "cpu",
             R"(Name of what this machine's times depend on: the `device` of a measured profile.

The processor, on Arm the board; the power mode of a Jetson; and the GPU, where a provider of
NVIDIA's computes on one.

Args:
    provider: One of `provider_names()`, which need not be here.

Raises:
    InputError: If there is no such provider.)");
  module.def("provider_names", &provider_names,
             "Names of all providers that `load` takes, whether or not they are here.");
}

}  // namespace eenet::python
