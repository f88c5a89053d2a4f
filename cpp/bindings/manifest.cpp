#include "eenet/manifest.h"

#include <string_view>

#include "bindings.h"
#include "bundle/manifest_text.h"
#include "gil.h"

namespace eenet::python {
namespace {

void check_manifest(const py::bytes& data) {
  const std::string_view text = data;
  const ReleasedGil released;
  parse_manifest(text);
}

}  // namespace

void register_manifest(py::module_& module) {
  using namespace pybind11::literals;
  module.def("check_manifest", &check_manifest, "data"_a,
             R"(For the tools that rewrite bundles: whether `load` takes a manifest.

Args:
    data: Contents of a `manifest.json`.

Raises:
    BundleError: If it does not.)");
}

}  // namespace eenet::python
