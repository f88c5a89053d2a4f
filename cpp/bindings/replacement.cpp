#include "util/replacement.h"

#include <memory>

#include <pybind11/stl/filesystem.h>

#include "arrays.h"
#include "bindings.h"
#include "gil.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;
using Released = py::call_guard<ReleasedGil>;

std::unique_ptr<Replacement> make(const PathArgument& path, bool folder) {
  const std::filesystem::path target = check_path(path);
  const auto kind = folder ? Replacement::Kind::kFolder : Replacement::Kind::kFile;
  const ReleasedGil released;
  return std::make_unique<Replacement>(target, kind, ErrorCode::kInput);
}

bool put_back_path(const PathArgument& path) {
  const std::filesystem::path target = check_path(path);
  const ReleasedGil released;
  return put_back(target);
}

}  // namespace

void register_replacement(py::module_& module) {
  py::class_<Replacement>(module, "Replacement", py::is_final(),
                          R"(For the tools that write files, not part of the runtime's interface.

A file or folder that is written under a temporary name and takes its place whole or not at all,
also where the process is killed or the power fails. A link stays, and what it points to is
replaced.)")
      .def(py::init(&make), "path"_a, py::kw_only(), "folder"_a,
           R"(Prepare; what killed processes left beside it is mended and removed.

Args:
    path: A new name, or a file or folder to replace.
    folder: Whether a folder will be written.

Raises:
    InputError: If something is there that cannot be replaced, as a device or a mount point, or
        nothing can be written beside it.)")
      .def_property_readonly("temporary", &Replacement::temporary,
                             "Where to write; nothing is there yet.")
      .def("sync", &Replacement::sync, Released(),
           "Have the system write what is there to the disk; `publish` does so, too.")
      .def("publish", &Replacement::publish, Released(), "Put what was written in its place.")
      .def("discard", &Replacement::discard, Released(), "Remove what is unfinished.");
  module.def("put_back", &put_back_path, "path"_a,
             R"(Of a path where nothing is: put it back if a killed process had moved it aside.

Returns:
    Whether it is there now, or somebody at work may be about to put it there.)");
}

}  // namespace eenet::python
