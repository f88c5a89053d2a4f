#include "eenet/schedule.h"

#include <filesystem>
#include <memory>
#include <optional>

#include <pybind11/stl.h>

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "bundle/schedule_file.h"
#include "decision/exit_policy.h"
#include "gil.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {

template <>
struct State<ScoreBins> {
  static py::object pack(const ScoreBins& bins) {
    return python::pack(bins, &ScoreBins::count, &ScoreBins::edges, &ScoreBins::shares);
  }
  static ScoreBins unpack(py::handle state) {
    return python::unpack<ScoreBins>(state.cast<PickledState>(), "ScoreBins", &ScoreBins::count,
                                     &ScoreBins::edges, &ScoreBins::shares);
  }
};

namespace {

using namespace pybind11::literals;

double get_share(const Schedule& schedule) {
  return schedule.budget / schedule.costs.back();
}

std::string repr(const Schedule& schedule) {
  return cat("Schedule(policy='", schedule.policy, "', budget=", schedule.budget, ", unit='",
             schedule.unit, "', share=", get_share(schedule), ")");
}

std::string repr(const ScheduleFile& file) {
  return cat("ScheduleFile(network='", file.network, "', num_exits=", file.num_exits(),
             ", schedules=", file.schedules.size(), ")");
}

std::optional<ScoreBins> make_bins(const ScoreEdgesArgument& edges,
                                   const ScoreSharesArgument& shares) {
  if (edges.is_none() && shares.is_none()) return std::nullopt;
  if (edges.is_none() || shares.is_none()) {
    throw Error(ErrorCode::kInput, "score_edges, score_shares: both expected, or neither");
  }
  const CheckedArray borders = check_floats(edges, 2, "score_edges");
  const py::array_t<double> parts = check_doubles(shares, 2, "score_shares");
  ScoreBins bins;
  bins.count = static_cast<std::size_t>(parts.shape(1));
  bins.edges.assign(borders.floats().begin(), borders.floats().end());
  bins.shares.assign(parts.data(), parts.data() + parts.size());
  return bins;
}

std::shared_ptr<Schedule> make_schedule(
    Given<"policy", std::string> policy, const Given<"budget", double>& budget,
    Given<"unit", std::string> unit, Given<"costs", std::vector<double>> costs,
    const Given<"margin", double>& margin,
    const Given<"calibration_samples", std::int64_t>& calibration_samples,
    Given<"calibration_shares", std::vector<double>> calibration_shares,
    std::shared_ptr<ExitPolicy> exit_policy, const ScoreEdgesArgument& score_edges,
    const ScoreSharesArgument& score_shares,
    std::optional<Given<"agreement", std::vector<double>>> agreement) {
  auto schedule = std::make_shared<Schedule>();
  schedule->policy = std::move(policy.value);
  schedule->budget = budget;
  schedule->unit = std::move(unit.value);
  schedule->costs = std::move(costs.value);
  schedule->margin = margin;
  schedule->calibration_samples = calibration_samples;
  schedule->calibration_shares = std::move(calibration_shares.value);
  schedule->exit_policy = std::move(exit_policy);
  schedule->score_bins = make_bins(score_edges, score_shares);
  if (agreement) schedule->agreement = std::move(agreement->value);
  check_schedule(*schedule, "schedule");
  return schedule;
}

std::optional<py::array_t<float>> get_score_edges(const Schedule& schedule) {
  if (!schedule.score_bins) return std::nullopt;
  return copy_matrix<float>(schedule.score_bins->edges, schedule.exit_policy->num_exits() - 1);
}

std::optional<py::array_t<double>> get_score_shares(const Schedule& schedule) {
  if (!schedule.score_bins) return std::nullopt;
  return copy_matrix<double>(schedule.score_bins->shares, schedule.exit_policy->num_exits() - 1);
}

std::optional<py::array_t<double>> get_agreement(const Schedule& schedule) {
  if (schedule.agreement.empty()) return std::nullopt;
  return copy_array<double>(schedule.agreement);
}

/// Through the constructor, so that new values are checked with the others.
std::shared_ptr<Schedule> replaced(const py::object& schedule,
                                   const py::KWArgs<py::object>& changes) {
  py::dict values;
  for (const char* field :
       {"policy", "budget", "unit", "costs", "margin", "calibration_samples", "calibration_shares",
        "exit_policy", "score_edges", "score_shares", "agreement"}) {
    values[field] = schedule.attr(field);
  }
  for (const auto& [name, value] : changes) values[name] = value;
  return py::type::of(schedule)(**values).cast<std::shared_ptr<Schedule>>();
}

void register_schedule_file(py::module_& module) {
  py::class_<ScheduleFile> cls(module, "ScheduleFile", "The content of a scheduler file.");
  cls.def_readonly("network", &ScheduleFile::network,
                   "Id of the bundle that the schedules were fitted for.")
      .def_readonly("feature_spec", &ScheduleFile::feature_spec, "Of their features, a number.")
      .def_readonly("num_features", &ScheduleFile::num_features,
                    "Number of features of each of the K exits, before earlier scores.")
      .def_readonly("active", &ScheduleFile::active,
                    "Index of the schedule in force after load; None: full depth.")
      .def_property_readonly(
          "schedules",
          [](const ScheduleFile& file) {
            std::vector<std::shared_ptr<Schedule>> out;
            for (const auto& schedule : file.schedules) out.push_back(without_const(schedule));
            return out;
          },
          "The schedules, by ascending budget.")
      .def_readonly(
          "fitted_on", &ScheduleFile::fitted_on,
          "Marks of samples that the schedules were fitted on, the smallest; may be none.")
      .def("__repr__", [](const ScheduleFile& file) { return repr(file); });
  def_pickle(cls, "ScheduleFile", &ScheduleFile::network, &ScheduleFile::feature_spec,
             &ScheduleFile::num_features, &ScheduleFile::active, &ScheduleFile::schedules,
             &ScheduleFile::fitted_on);
  module.def(
      "read_schedules",
      [](const PathArgument& path) {
        const std::filesystem::path file = check_path(path);
        const ReleasedGil released;
        return read_schedules(file);
      },
      "path"_a,
      R"(Read and check a scheduler file, without its bundle.

Args:
    path: A `scheduler.safetensors`.

Raises:
    ScheduleError: If the file cannot be read or is not valid.)");
  module.def(
      "parse_schedules",
      [](const py::bytes& data) {
        const std::string_view text = data;
        const ReleasedGil released;
        return parse_schedules(std::as_bytes(std::span(text)));
      },
      "data"_a,
      R"(As `read_schedules`, of bytes that were read already.

Args:
    data: Contents of a `scheduler.safetensors`.

Raises:
    ScheduleError: If they are not valid.)");
}

}  // namespace

void register_schedule(py::module_& module) {
  py::class_<Schedule, std::shared_ptr<Schedule>> cls(
      module, "Schedule", py::is_final(),
      "An exit policy fitted for one budget, and how it was fitted. Immutable.");
  cls.def(py::init(&make_schedule), py::kw_only(), "policy"_a, "budget"_a, "unit"_a, "costs"_a,
          "margin"_a, "calibration_samples"_a, "calibration_shares"_a,
          py::arg("exit_policy").none(false), "score_edges"_a = py::none(),
          "score_shares"_a = py::none(), "agreement"_a = py::none(),
          R"(Put a schedule together; arrays are copied.

Args:
    policy: Name of the policy: information only.
    budget: Mean cost per sample, in `unit`.
    unit: `ms`, `flops` or `params`.
    costs: Of the K exits.
    margin: Part of the budget held back.
    calibration_samples: Number of samples that set the thresholds.
    calibration_shares: Share of them that left at each exit, K.
    exit_policy: The rule itself.
    score_edges: Borders of the bins of scores at each exit but the last, float32 (K-1, B-1).
    score_shares: Share of the samples that reached an exit in each bin, float64 (K-1, B).
    agreement: Share of the samples leaving at each exit that the last exit answers alike, K.

Raises:
    ScheduleError: If a value is not what a file of schedules may hold.)")
      .def_readonly("policy", &Schedule::policy,
                    "Name of the policy that was fitted: information only.")
      .def_readonly("budget", &Schedule::budget, "Mean cost per sample asked for, in `unit`.")
      .def_readonly("unit", &Schedule::unit, "`ms`, `flops` or `params`.")
      .def_property_readonly("share", &get_share,
                             "The budget as a share of full cost, by the costs that it was fitted "
                             "for: 0.65 for \"65%\".")
      .def_readonly("costs", &Schedule::costs, "Costs of the K exits that it was fitted for.")
      .def_readonly("margin", &Schedule::margin,
                    "Part of the budget held back: one-sided 95 % margin of the mean cost.")
      .def_readonly("calibration_samples", &Schedule::calibration_samples,
                    "Number of samples that set the thresholds.")
      .def_readonly("calibration_shares", &Schedule::calibration_shares,
                    "Share of the calibration samples that left at each exit.")
      .def_property_readonly(
          "exit_policy",
          [](const Schedule& schedule) { return without_const(schedule.exit_policy); },
          "The rule itself.")
      .def_property_readonly(
          "thresholds",
          [](const Schedule& schedule) {
            return copy_array<double>(schedule.exit_policy->thresholds());
          },
          "Threshold of each exit, float64 (K,).")
      .def_property_readonly("score_edges", &get_score_edges,
                             "Borders of the bins of calibration scores at each exit but the last, "
                             "float32 (K-1, B-1), or None.")
      .def_property_readonly("score_shares", &get_score_shares,
                             "Share of the calibration samples that reached an exit in each bin of "
                             "scores there, float64 (K-1, B), or None.")
      .def_property_readonly("agreement", &get_agreement,
                             "Share of the calibration samples leaving at each exit that the last "
                             "exit answers alike, float64 (K,), or None.")
      .def("replace", &replaced,
           R"(The schedule with other values, by the names of the constructor's arguments.

Raises:
    ScheduleError: As the constructor.)")
      .def("__repr__", [](const Schedule& schedule) { return repr(schedule); });
  def_pickle(cls, "Schedule", &Schedule::policy, &Schedule::budget, &Schedule::unit,
             &Schedule::costs, &Schedule::margin, &Schedule::calibration_samples,
             &Schedule::calibration_shares, &Schedule::score_bins, &Schedule::agreement,
             &Schedule::exit_policy);
  register_schedule_file(module);
}

}  // namespace eenet::python
