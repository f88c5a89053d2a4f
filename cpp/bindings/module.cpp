#include "bindings.h"
#include "bundle/format.h"
#include "interrupts.h"

PYBIND11_MODULE(_core, module) {
  using namespace eenet::python;

  module.doc() = "Bindings of the EENet runtime; use them through eenet_rt.";
  module.attr("__version__") = EENET_VERSION;
  // For the tools that write bundles.
  module.attr("FORMAT_VERSION") = eenet::format::kVersion;
  module.attr("MANIFEST") = eenet::format::kManifest;
  module.attr("SCHEDULES") = eenet::format::kSchedules;
  module.attr("CALIBRATION") = eenet::format::kCalibration;
  module.attr("LARGEST_MANIFEST") = eenet::format::kLargestManifest;
  watch_signals();
  register_errors(module);
  register_exit_policy(module);
  register_schedule(module);
  register_manifest(module);
  register_replacement(module);
  register_regression_outputs(module);
  register_replay(module);
  register_stream(module);
  register_explanation(module);
  register_result(module);
  register_batch_result(module);
  register_slice(module);
  register_stats(module);
  register_providers(module);
  register_watch(module);
  register_runtime(module);
  register_load(module);
  guard_classes(module);
  shorten_complaints(module);
}
