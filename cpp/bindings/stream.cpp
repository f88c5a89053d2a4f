#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/budget.h"
#include "eenet/error.h"

#include "answers.h"
#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "budget/controller.h"
#include "budget/replay.h"
#include "bundle/costs.h"
#include "gil.h"
#include "util/text.h"
#include "values.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;
using Schedules = std::vector<std::shared_ptr<Schedule>>;

/// What replay_stream() found. The arrays are the caller's.
struct StreamReplay {
  py::array_t<std::int64_t> exits;
  py::array_t<std::int64_t> schedules;
  double mean_cost = 0;
  std::optional<py::array_t<std::int64_t>> labels;
  std::optional<py::array_t<float>> values;
};

void expect(bool condition, const std::string& complaint) {
  if (!condition) throw Error(ErrorCode::kInput, complaint);
}

BudgetTable make_table(const Schedules& schedules,
                       const std::optional<std::vector<double>>& costs) {
  expect(!schedules.empty(), "schedules: none came, at least one expected");
  for (std::size_t i = 0; i < schedules.size(); ++i) {
    expect(schedules[i] != nullptr, cat("schedules[", i, "]: None came, a Schedule expected"));
    expect(schedules[i]->unit == schedules[0]->unit,
           cat("schedules[", i, "]: unit '", schedules[i]->unit, "' came, '", schedules[0]->unit,
               "' expected, as the first one's"));
    expect(costs || schedules[i]->costs == schedules[0]->costs,
           cat("schedules[", i, "]: fitted for costs [", join(schedules[i]->costs), "], [",
               join(schedules[0]->costs), "] expected, as the first one, or costs="));
  }
  Profile profile;
  profile.unit = schedules[0]->unit;
  profile.costs = costs.value_or(schedules[0]->costs);
  check_costs(profile.costs, schedules[0]->exit_policy->num_exits(), ErrorCode::kInput, "costs");
  return {{schedules.begin(), schedules.end()}, profile, {profile}};
}

StreamReplay py_replay_stream(const OutputsArgument& outputs, const Schedules& schedules,
                              const BudgetArgument& budget,
                              const std::optional<Given<"costs", std::vector<double>>>& costs,
                              const SampleCostsArgument& sample_costs,
                              std::optional<Horizon> horizon, std::optional<Window> window,
                              std::optional<Neighbours> neighbours) {
  const CheckedOutputs checked = check_outputs(outputs);
  const BudgetTable table = make_table(schedules, costs);
  const ControllerOptions options{check_budget(budget), horizon, window, neighbours};
  const std::size_t count = checked.outputs.samples();
  const std::vector<double> own = check_sample_costs(sample_costs, "sample_costs");
  const std::size_t exits_of = checked.outputs.num_exits();
  expect(own.empty() || own.size() == count * exits_of,
         cat("sample_costs: ", own.size(), " numbers came, ", exits_of, " expected of each of ",
             count, " samples"));
  for (std::size_t i = 0; i < own.size(); i += exits_of) {
    const auto row = own.begin() + static_cast<std::ptrdiff_t>(i);
    const std::string what = cat("sample_costs of sample ", i / exits_of);
    check_costs({row, row + static_cast<std::ptrdiff_t>(exits_of)}, exits_of, ErrorCode::kInput,
                what);
    expect(own[i + exits_of - 1] <= kLargestCost * table.profile()->costs.back(),
           cat(what, ": ", own[i + exits_of - 1], " came, at most ", kLargestCost,
               " times full cost expected"));
  }
  const auto samples = static_cast<py::ssize_t>(count);
  StreamReplay out{
      py::array_t<std::int64_t>(samples), py::array_t<std::int64_t>(samples), 0, {}, {}};
  std::int64_t* const exits = out.exits.mutable_data();
  std::int64_t* const used = out.schedules.mutable_data();
  const Answers found = [&] {
    const ReleasedGil released;
    return replay_stream(checked.outputs, table, options, own, exits, used);
  }();
  out.mean_cost = mean_cost({exits, count}, own.empty() ? table.profile()->costs : own, exits_of);
  AnswerArrays arrays = copy_answers(found, {samples});
  out.labels = std::move(arrays.labels);
  out.values = std::move(arrays.values);
  return out;
}

std::string repr(const StreamReplay& replay) {
  return cat("StreamReplay(samples=", replay.exits.shape(0), ", mean_cost=", replay.mean_cost, ")");
}

}  // namespace

void register_stream(py::module_& module) {
  py::class_<StreamReplay> cls(
      module, "StreamReplay",
      "Where logged samples leave under schedules that a controller switches.");
  cls.def_readonly("exits", &StreamReplay::exits, "Exit taken, int64 (N,).")
      .def_property_readonly(
          "labels",
          [](const StreamReplay& found) {
            return of_task(found.labels, "StreamReplay", "labels", "values");
          },
          "Class answered there, int64 (N,); of classification.")
      .def_property_readonly(
          "values",
          [](const StreamReplay& found) {
            return of_task(found.values, "StreamReplay", "values", "labels");
          },
          "Values answered there, float32 (N, D); of regression.")
      .def_readonly("schedules", &StreamReplay::schedules,
                    "Index of the schedule in force for each sample, int64 (N,).")
      .def_readonly("mean_cost", &StreamReplay::mean_cost, "Mean cost per sample.")
      .def("__repr__", &repr);
  def_to_dict(cls);
  def_pickle(cls, "StreamReplay", &StreamReplay::exits, &StreamReplay::schedules,
             &StreamReplay::mean_cost, &StreamReplay::labels, &StreamReplay::values);
  module.def("replay_stream", &py_replay_stream, "outputs"_a, "schedules"_a, "budget"_a,
             py::kw_only(), "costs"_a = py::none(), "sample_costs"_a = py::none(),
             "horizon"_a = py::none(), "window"_a = py::none(), "neighbours"_a = 1,
             R"(Run schedules over logged outputs in order, switching between them to keep a budget.

Before each sample, what it may cost is computed from what those before it did cost: the budget, plus
the surplus so far (a debt is negative) divided by the samples left of the horizon or by the window,
whichever is shorter.
The schedule with the closest budget is in force for it, the lower of two as close.

Args:
    outputs: Of every exit in the order of the stream, as for `features`.
    schedules: For one network and in one unit.
    budget: Mean cost per sample to be realised, as `Runtime.set_budget` takes it.
    costs: Costs of the K exits; the schedules then count as what their exit shares cost under them,
        margin included. None: those that the schedules were fitted for.
    sample_costs: What each sample costs if it leaves at each exit, float64 (N, K), where that depends
        on the sample: what is booked in place of `costs`.
    horizon: Samples over which the budget is to hold; after them a new horizon starts, into which a
        surplus or debt carries over.
    window: Samples over which a surplus or debt is to be worked off. At least one of `horizon` and
        `window`; with both, the budget holds over the horizon and a change of the data is met in time.
    neighbours: Number of schedules that may be used on either side of the one with the largest
        budget <= `budget`; None: all.

Raises:
    InputError: If an array has a wrong dtype, shape or strides, or the schedules do not fit them
        or each other, or `costs`, `horizon`, `window` or `neighbours` is out of range.
    BudgetError: If the budget is below what the lowest schedule keeps, or above the full cost.
    NonFiniteError: If a number is NaN or infinite; names sample and exit.)");
}

}  // namespace eenet::python
