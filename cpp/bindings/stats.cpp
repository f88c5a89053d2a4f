#include "eenet/stats.h"

#include <string>

#include <pybind11/stl.h>

#include "bindings.h"
#include "util/text.h"

namespace eenet::python {
namespace {

std::string text(const std::optional<double>& value) {
  return value ? cat(*value) : "None";
}

std::string repr(const Stats& stats) {
  return cat("Stats(count=", stats.count, ", exits=[", join(stats.exits),
             "], mean_cost=", text(stats.mean_cost),
             ", mean_latency_ms=", text(stats.mean_latency_ms), ", p50_ms=", text(stats.p50_ms),
             ", p90_ms=", text(stats.p90_ms), ", p99_ms=", text(stats.p99_ms), ")");
}

}  // namespace

void register_stats(py::module_& module) {
  py::class_<Stats>(module, "Stats",
                    "What a Runtime has done since it was loaded or reset. Runs with a "
                    "`forced_exit` are left out.")
      .def_readonly("count", &Stats::count, "Number of samples.")
      .def_readonly("exits", &Stats::exits, "Number of samples that left at each exit.")
      .def_readonly("mean_cost", &Stats::mean_cost,
                    "Mean cost per sample by the cost table in force; None without one or "
                    "without samples.")
      .def_readonly("mean_latency_ms", &Stats::mean_latency_ms,
                    "Mean wall time; None without samples, as the quantiles.")
      .def_readonly("p50_ms", &Stats::p50_ms, "Median wall time, to 2 %.")
      .def_readonly("p90_ms", &Stats::p90_ms, "90 % quantile of the wall time, to 2 %.")
      .def_readonly("p99_ms", &Stats::p99_ms, "99 % quantile of the wall time, to 2 %.")
      .def("__repr__", &repr);
}

}  // namespace eenet::python
