#include "tiers/slice.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "eenet/error.h"

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

std::size_t check_bound(const char* what, std::int64_t exit) {
  if (exit < 0) throw Error(ErrorCode::kInput, cat(what, ": ", exit, " came, 0 or more expected"));
  return static_cast<std::size_t>(exit);
}

void slice(const PathArgument& path, const Given<"begin", std::int64_t>& begin,
           const Given<"end", std::int64_t>& end, const PathArgument& out) {
  const std::filesystem::path from = check_path(path);
  const std::filesystem::path to = check_path(out, "out");
  const ReleasedGil released;
  slice_bundle(from, check_bound("begin", begin), check_bound("end", end), to);
}

}  // namespace

void register_slice(py::module_& module) {
  module.def("slice_bundle", &slice, "path"_a, "begin"_a, "end"_a, "out"_a,
             R"(Write the part of a bundle that holds exits `begin` .. `end - 1`, a bundle itself.

For one of several machines that share the work; see docs/handoff.md. Segments and schedules are
copied byte for byte, each checked; calibration data stays behind. A slice may be sliced again.

Args:
    path: The folder of the bundle.
    begin: First exit, counted in the whole network.
    end: One after the last exit.
    out: The folder to write, a new name: complete or not at all.

Raises:
    InputError: If the bundle does not hold such exits, or they are the whole network, or `out` is
        taken.
    BundleError: If the bundle is damaged or cannot be cut there, or the slice cannot be written.)");
}

}  // namespace eenet::python
