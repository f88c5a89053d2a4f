#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/drift.h"
#include "eenet/runtime.h"

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;
using Callback = py::typing::Callable<py::object(Alarm)>;

const char* name(Watched watched) {
  switch (watched) {
    case Watched::kExits:
      return "exits";
    case Watched::kScores:
      return "scores";
    case Watched::kAgreement:
      break;
  }
  return "agreement";
}

const char* name(Health::Status status) {
  switch (status) {
    case Health::Status::kUnwatched:
      return "unwatched";
    case Health::Status::kHealthy:
      return "healthy";
    case Health::Status::kDrifted:
      return "drifted";
    case Health::Status::kAdapted:
      break;
  }
  return "adapted";
}

/// Lets a Python object go from any thread, with or without the GIL.
void release(PyObject* object) {
  // After the interpreter there is nothing left to release.
  if (Py_IsInitialized() == 0) return;
  const AcquiredGil acquired;
  unless_over([object] { Py_DECREF(object); });
}

/// Tells a Python function of an alarm, from a thread without the GIL. What it raises cannot leave
/// the call that happened to bring the alarm.
template <typename ToPython>
void tell(PyObject* function, const char* what, const ToPython& argument) {
  const AcquiredGil acquired;
  try {
    PyObject* const given = argument().release().ptr();
    PyObject* const result = call_python(function, given);
    Py_DECREF(given);
    if (result == nullptr) throw py::error_already_set();
    Py_DECREF(result);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable(what);
  }
}

std::function<void(const Alarm&)> callback_of(const std::optional<Callback>& on_alarm) {
  const py::object given =
      on_alarm ? py::object(*on_alarm)
               : py::module_::import("logging").attr("getLogger")("eenet_rt").attr("warning");
  const std::shared_ptr<PyObject> function(given.inc_ref().ptr(), &release);
  if (!on_alarm) {
    return [function](const Alarm& alarm) {
      tell(function.get(), "the log line of an alarm", [&] { return py::str(alarm.text()); });
    };
  }
  return [function](const Alarm& alarm) {
    tell(function.get(), "the on_alarm of a watch", [&] { return py::cast(alarm); });
  };
}

void watch(Runtime& runtime, const Given<"false_alarm_interval", double>& false_alarm_interval,
           const Given<"audit_share", double>& audit_share, const std::optional<Callback>& on_alarm,
           bool adapt, const Given<"seed", std::uint64_t>& seed) {
  WatchOptions options;
  options.false_alarm_interval = false_alarm_interval;
  options.audit_share = audit_share;
  options.seed = seed;
  options.adapt = adapt;
  options.on_alarm = callback_of(on_alarm);
  const ReleasedGil released;
  runtime.watch(std::move(options));
}

std::string repr(const Health& health) {
  return cat("Health(status='", name(health.status), "', samples=", health.samples,
             ", alarms=", health.alarms.size(), ", evidence=", health.evidence, ", exit_shares=[",
             join(health.exit_shares), "], audits=", health.audits, ")");
}

void register_alarm(py::module_& module) {
  py::class_<Alarm> cls(
      module, "Alarm",
      "Samples are not, or no longer, like those that a schedule was calibrated on. "
      "`str()` says it in one line.");
  cls.def_property_readonly(
         "watched", [](const Alarm& alarm) { return name(alarm.watched); },
         "What is off: `exits` (shares of samples leaving at each), `scores` (shares of samples "
         "in each bin of scores at an exit) or `agreement` (of audited answers with the last "
         "exit's).")
      .def_readonly("schedule", &Alarm::schedule, "Index of the schedule that was in force.")
      .def_readonly("exit", &Alarm::exit,
                    "The exit; with `exits` the one whose share is furthest off.")
      .def_readonly("scores", &Alarm::scores,
                    "With `scores`, those whose share is furthest off: from the first up to, but "
                    "without, the second. Else None.")
      .def_readonly("expected", &Alarm::expected, "That share, on the calibration set.")
      .def_property_readonly(
          "expected_range", [](const Alarm& alarm) { return std::pair(alarm.low, alarm.high); },
          "Where that of the population may lie, by the size of the calibration set.")
      .def_readonly("seen", &Alarm::seen, "That of the latest samples.")
      .def_readonly("sample", &Alarm::sample, "Samples watched until the alarm.")
      .def_readonly("evidence", &Alarm::evidence, "At least `false_alarm_interval`.")
      .def("__repr__",
           [](const Alarm& alarm) {
             return cat("Alarm(watched='", name(alarm.watched), "', schedule=", alarm.schedule,
                        ", exit=", alarm.exit, ", expected=", alarm.expected, ", seen=", alarm.seen,
                        ", sample=", alarm.sample, ")");
           })
      .def("__str__", &Alarm::text);
  def_to_dict(cls);
  def_pickle(cls, "Alarm", &Alarm::watched, &Alarm::schedule, &Alarm::exit, &Alarm::scores,
             &Alarm::expected, &Alarm::low, &Alarm::high, &Alarm::seen, &Alarm::sample,
             &Alarm::evidence);
}

void register_health(py::module_& module) {
  py::class_<Health> cls(module, "Health", "What a watch has seen since it began.");
  cls.def_property_readonly(
         "status", [](const Health& health) { return name(health.status); },
         "`unwatched`, `healthy`, `drifted` (an alarm was raised and is not over) or `adapted` "
         "(adapted thresholds are in force).")
      .def_readonly("samples", &Health::samples, "Number of samples watched.")
      .def_readonly("alarms", &Health::alarms, "The latest alarms, 64 at most, oldest first.")
      .def_readonly("evidence", &Health::evidence,
                    "The most evidence that anything watched gives of a change; an alarm comes at "
                    "`false_alarm_interval`.")
      .def_readonly("exit_shares", &Health::exit_shares,
                    "Of the latest 512 samples or somewhat more; empty before the first 64.")
      .def_readonly("expected_exit_shares", &Health::expected_exit_shares,
                    "As planned by the schedules that were in force for these samples.")
      .def_readonly("mean_cost", &Health::mean_cost,
                    "Of these samples, in the unit of the schedules; None without samples.")
      .def_readonly("expected_mean_cost", &Health::expected_mean_cost, "As planned.")
      .def_readonly("audits", &Health::audits, "Number of samples audited.")
      .def_readonly("mean_audit_cost", &Health::mean_audit_cost,
                    "What audits add to the mean cost of a sample; None without samples.")
      .def_readonly("agreement", &Health::agreement,
                    "Share of the audited samples leaving at each exit but the last that the last "
                    "exit answers alike; None without audits.")
      .def_readonly("expected_agreement", &Health::expected_agreement,
                    "On the calibration set; None without audits, or if the bundle does not say.")
      .def_readonly("thresholds", &Health::thresholds, "Adapted ones in force, else None.")
      .def_readonly("adaptations", &Health::adaptations,
                    "Number of times that thresholds were set anew.")
      .def_readonly("rollbacks", &Health::rollbacks,
                    "Number of times that the watch put the schedule's own thresholds back.")
      .def("__repr__", &repr);
  def_to_dict(cls);
  def_pickle(cls, "Health", &Health::status, &Health::samples, &Health::alarms, &Health::evidence,
             &Health::exit_shares, &Health::expected_exit_shares, &Health::mean_cost,
             &Health::expected_mean_cost, &Health::audits, &Health::mean_audit_cost,
             &Health::agreement, &Health::expected_agreement, &Health::thresholds,
             &Health::adaptations, &Health::rollbacks);
}

}  // namespace

void register_watch(py::module_& module) {
  register_alarm(module);
  register_health(module);
}

void def_watch(RuntimeClass& cls) {
  cls.def("watch", on_open(&watch), py::kw_only(), "false_alarm_interval"_a = 1'000'000.0,
          "audit_share"_a = 0.0, "on_alarm"_a = py::none(), "adapt"_a = false, "seed"_a = 0,
          R"(Watch the samples from now on, without their labels, in place of an earlier watch.

Exit shares and scores are compared with those of the calibration set by a sequential test, see
docs/monitoring.md. Calls with a policy or a forced exit of their own, and full depth, are not
watched.

Args:
    false_alarm_interval: As long as samples are like those of the calibration set, the mean number
        of them until an alarm is at least this.
    audit_share: Share of the samples that leave early which run to the last exit all the same, to
        see whether it agrees: the answer is the early one, but the call takes longer.
    on_alarm: Called with an `Alarm` by the thread whose sample brought it, before its call
        returns; it may call anything. What it raises goes to `sys.unraisablehook`. A function that
        refers to the runtime keeps it alive until `unwatch`. None: a line in the log `eenet_rt`.
    adapt: Set thresholds anew when samples drift, so that exit shares are again those planned, and
        put the schedule's own back when these would do, or when the new ones do no better.
    seed: Chooses which samples are audited.

Raises:
    InputError: If `false_alarm_interval` or `audit_share` is out of range.
    ConfigurationError: If the bundle has no schedules, or `adapt` is set and a controller or full
        depth is in force, or the bundle is a slice that hands samples on.)")
      .def("unwatch", on_open(&Runtime::unwatch), py::call_guard<ReleasedGil>(),
           "End the watch, and put the schedule's own thresholds back.")
      .def("health", on_open(&Runtime::health), py::call_guard<ReleasedGil>(),
           "What the watch has seen.")
      .def("reset_thresholds", on_open(&Runtime::reset_thresholds), py::call_guard<ReleasedGil>(),
           "Put the schedule's own thresholds back. The watch goes on, and may adapt them again.");
}

}  // namespace eenet::python
