#include "eenet/stats.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <pybind11/stl.h>

#include "bindings.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {
namespace {

std::string text(const std::optional<double>& value) {
  return value ? cat(*value) : "None";
}

std::string repr(const LatencySummary& summary) {
  return cat("LatencySummary(count=", summary.count, ", mean_ms=", text(summary.mean_ms),
             ", p50_ms=", text(summary.p50_ms), ", p90_ms=", text(summary.p90_ms),
             ", p99_ms=", text(summary.p99_ms), ")");
}

std::string stats_repr(const Stats& stats) {
  const LatencySummary& latency = stats.latency;
  return cat("Stats(count=", stats.count, ", exits=[", join(stats.exits),
             "], mean_cost=", text(stats.mean_cost), ", mean_latency_ms=", text(latency.mean_ms),
             ", p50_ms=", text(latency.p50_ms), ", p90_ms=", text(latency.p90_ms),
             ", p99_ms=", text(latency.p99_ms), ")");
}

std::map<std::string, std::uint64_t> get_stops(const Stats& stats) {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < kStopReasons; ++i) {
    out[std::string(stop_reason_name(static_cast<StopReason>(i)))] = stats.stops[i];
  }
  out.erase(std::string(stop_reason_name(StopReason::kForcedExit)));  // Never counted.
  return out;
}

using Time = std::optional<double> LatencySummary::*;

}  // namespace

void register_stats(py::module_& module) {
  py::class_<LatencySummary> summary(module, "LatencySummary",
                                     "Wall times of one kind; None where there are no records.");
  summary.def_readonly("count", &LatencySummary::count, "Number of samples.")
      .def_readonly("mean_ms", &LatencySummary::mean_ms, "Mean.")
      .def_readonly("p50_ms", &LatencySummary::p50_ms, "Median, to 2 %.")
      .def_readonly("p90_ms", &LatencySummary::p90_ms, "90 % quantile, to 2 %.")
      .def_readonly("p99_ms", &LatencySummary::p99_ms, "99 % quantile, to 2 %.")
      .def("__repr__", &repr);
  def_to_dict(summary);
  def_pickle(summary, "LatencySummary", &LatencySummary::count, &LatencySummary::mean_ms,
             &LatencySummary::p50_ms, &LatencySummary::p90_ms, &LatencySummary::p99_ms);
  py::class_<Stats> cls(module, "Stats",
                        "What a Runtime has done since it was loaded or reset. Runs with a "
                        "`forced_exit` are left out.");
  const auto def_time = [&cls](const char* name, Time member, const char* doc) {
    cls.def_property_readonly(
        name, [member](const Stats& stats) { return stats.latency.*member; }, doc);
  };
  cls.def_readonly("count", &Stats::count, "Number of samples that left at an exit.")
      .def_readonly("exits", &Stats::exits, "Number of samples that left at each exit.")
      .def_property_readonly("stops", &get_stops,
                             "Number of samples by why they left: `policy`, `max_exit`, "
                             "`deadline`; and `handed_on`, which no other figure counts but the "
                             "times of segments.")
      .def_readonly("mean_cost", &Stats::mean_cost,
                    "Mean cost per sample by the cost table in force; None without one or "
                    "without samples.")
      .def_readonly("segments", &Stats::segments,
                    "Wall time per sample in each segment, its exit head and the decision "
                    "included; in a batch, an equal part of its time.")
      .def("__repr__", &stats_repr);
  def_time("mean_latency_ms", &LatencySummary::mean_ms,
           "Mean wall time; None without samples, as the quantiles.");
  def_time("p50_ms", &LatencySummary::p50_ms, "Median wall time, to 2 %.");
  def_time("p90_ms", &LatencySummary::p90_ms, "90 % quantile of the wall time, to 2 %.");
  def_time("p99_ms", &LatencySummary::p99_ms, "99 % quantile of the wall time, to 2 %.");
  def_to_dict(cls);
  def_pickle(cls, "Stats", &Stats::count, &Stats::exits, &Stats::stops, &Stats::mean_cost,
             &Stats::latency, &Stats::segments);
}

}  // namespace eenet::python
