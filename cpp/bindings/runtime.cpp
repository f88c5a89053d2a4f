#include "eenet/runtime.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"
#include "eenet/preprocessing.h"

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

constexpr const char* kNothingToSwitchTo =
    "the bundle has one schedule: there is none to switch to; eenet-schedule refit fits several";

std::optional<std::shared_ptr<Schedule>> set_budget(Runtime& runtime, const BudgetArgument& budget,
                                                    std::optional<Horizon> horizon,
                                                    std::optional<Window> window,
                                                    std::optional<Neighbours> neighbours) {
  const auto& schedules = runtime.budgets().schedules();
  const Budget wanted = check_budget(budget);
  if (horizon || window) {
    if (schedules.size() == 1) warn("BudgetWarning", kNothingToSwitchTo);
    return without_const(schedules[runtime.set_budget({wanted, horizon, window, neighbours})]);
  }
  const std::optional<std::size_t> chosen = runtime.set_budget(wanted);
  if (chosen) return without_const(schedules[*chosen]);
  warn_full_depth(runtime, wanted);
  return std::nullopt;
}

std::vector<std::shared_ptr<Schedule>> get_schedules(const Runtime& runtime) {
  std::vector<std::shared_ptr<Schedule>> out;
  for (const auto& schedule : runtime.budgets().schedules()) {
    out.push_back(without_const(schedule));
  }
  return out;
}

InputTypes get_inputs(const Runtime& runtime) {
  const Manifest& manifest = runtime.manifest();
  py::dict out;
  for (const std::size_t input : manifest.inputs) {
    const TensorSpec& spec = manifest.tensors[input];
    py::tuple shape(spec.shape.size() - 1);
    for (std::size_t i = 1; i < spec.shape.size(); ++i) {
      const Dim& dim = spec.shape[i];
      shape[i - 1] = dim.symbol ? py::object(py::str(manifest.symbols[*dim.symbol].name))
                                : py::object(py::int_(dim.size));
    }
    out[py::str(spec.name)] = py::make_tuple(dtype_name(spec.dtype), shape);
  }
  return py::reinterpret_steal<InputTypes>(out.release());
}

Range get_exits(const Runtime& runtime) {
  const Manifest& manifest = runtime.manifest();
  return py::module_::import("builtins").attr("range")(manifest.first_exit(), manifest.end_exit());
}

JsonObject get_preprocessing(const Runtime& runtime) {
  return py::module_::import("json").attr("loads")(runtime.manifest().preprocessing);
}

std::optional<JsonObject> get_profile(const Runtime& runtime) {
  const std::optional<Profile>& profile = runtime.budgets().profile();
  if (!profile) return std::nullopt;
  JsonObject out;
  out["unit"] = profile->unit;
  out["costs"] = profile->costs;
  out["static"] = profile->static_cost;
  if (profile->unit == "ms") {
    out["device"] = profile->device;
    out["provider"] = profile->provider;
    out["precision"] = profile->precision;
    out["threads"] = profile->threads;
    out["batch"] = profile->batch;
  }
  return out;
}

std::optional<std::vector<double>> get_costs(const Runtime& runtime) {
  const std::optional<Profile>& profile = runtime.budgets().profile();
  return profile ? std::optional(profile->costs) : std::nullopt;
}

std::optional<double> get_static_cost(const Runtime& runtime) {
  const std::optional<Profile>& profile = runtime.budgets().profile();
  return profile ? profile->static_cost : std::nullopt;
}

std::optional<std::vector<double>> get_budgets(const Runtime& runtime) {
  const BudgetTable& table = runtime.budgets();
  return table.profile() ? std::optional(table.budgets()) : std::nullopt;
}

py::array_t<float> preprocess(const Runtime& runtime, const ImagesArgument& images) {
  const auto steps = ImagePreprocessing::parse(runtime.manifest().preprocessing);
  const CheckedImages checked = check_images(images, steps.channels());
  std::vector<std::size_t> shape = {steps.channels(), steps.height(), steps.width()};
  if (checked.batch) shape.insert(shape.begin(), checked.count);
  py::array_t<float> out(shape);
  const std::size_t size = steps.channels() * steps.height() * steps.width();
  const std::span<float> numbers(out.mutable_data(), checked.count * size);
  in_context("images", [&] {
    const ReleasedGil released;
    for (std::size_t i = 0; i < checked.count; ++i) {
      steps.run(checked.image(i), checked.height, checked.width, numbers.subspan(i * size, size));
    }
  });
  return out;
}

std::string repr(const RuntimeHandle& handle) {
  if (handle.closed()) return "Runtime(closed)";
  const std::shared_ptr<Runtime> open = handle.open();
  const Runtime& runtime = *open;
  const Manifest& manifest = runtime.manifest();
  const auto schedule = runtime.schedule();
  const std::string budget = schedule ? cat(schedule->budget, " ", schedule->unit) : "full depth";
  const std::string exits =
      manifest.slice ? cat(", exits=", manifest.first_exit(), ":", manifest.end_exit()) : "";
  const std::string answers = manifest.target_names.empty()
                                  ? cat("num_classes=", manifest.num_classes())
                                  : cat("num_values=", manifest.target_names.size());
  return cat("Runtime(model='", manifest.model, "', num_exits=", manifest.num_exits(), exits, ", ",
             answers, ", budget=", budget, ", provider='", runtime.provider(),
             "', threads=", runtime.threads(), ")");
}

/// A property that is read from the manifest.
template <typename Member>
void def_manifest(RuntimeClass& cls, const char* name, Member Manifest::* member, const char* doc) {
  cls.def_property_readonly(
      name, on_open([member](const Runtime& runtime) { return runtime.manifest().*member; }), doc);
}

void def_network(RuntimeClass& cls) {
  def_manifest(cls, "id", &Manifest::id, "Identity of the segments, SHA-256 in hex.");
  def_manifest(cls, "parent", &Manifest::parent,
               "Id of the whole network's bundle, where this one is a slice of it; else None.");
  def_manifest(cls, "model", &Manifest::model, "Registry name of the network.");
  def_manifest(cls, "task", &Manifest::task, "`classification` or `regression`.");
  def_manifest(cls, "class_names", &Manifest::class_names,
               "Names of the C classes; empty without classes.");
  def_manifest(cls, "target_names", &Manifest::target_names,
               "Names of the D values of regression; else empty.");
  def_manifest(cls, "parameters", &Manifest::parameters,
               "Number of parameters up to and including each exit.");
  cls.def_property_readonly("num_exits", on_open([](const Runtime& runtime) {
                              return runtime.manifest().num_exits();
                            }),
                            "Number of exits K of the network, of which a slice holds some.")
      .def_property_readonly("exits", on_open(&get_exits),
                             "The exits that the bundle holds, a range.")
      .def_property_readonly("num_classes", on_open([](const Runtime& runtime) {
                               return runtime.manifest().num_classes();
                             }),
                             "Number of classes C; 0 without classes.")
      .def_property_readonly("inputs", on_open(&get_inputs),
                             "Name of each input to its dtype and shape without the batch axis; a "
                             "name in a shape is a dimension that each sample may choose.")
      .def_property_readonly("max_batch", on_open([](const Runtime& runtime) {
                               const Manifest& manifest = runtime.manifest();
                               return manifest.symbols[manifest.batch_symbol].max;
                             }),
                             "Most samples that `infer_batch` takes.")
      .def_property_readonly("preprocessing", on_open(&get_preprocessing),
                             "What is done to raw input before `infer`, by `preprocess` or the "
                             "caller; see docs/spec/format.md.")
      .def("preprocess", on_open(&preprocess), "images"_a,
           R"(Make the input of `infer` or `infer_batch` out of images, as the bundle declares.

The same numbers, to the bit, as in training and export.

Args:
    images: uint8 (H, W, C), or (N, H, W, C) for a batch; channels in the order of
        `preprocessing["color"]`. Of any size where the bundle declares how to resize, else of
        `preprocessing["size"]`.

Returns:
    float32 (C, H, W), or (N, C, H, W).

Raises:
    InputError: If the images have another dtype, shape or size, or the bundle declares
        preprocessing that is not of images, or that this version does not know.)");
}

void def_budget(RuntimeClass& cls) {
  cls.def_property_readonly("schedules", on_open(&get_schedules),
                            "The schedules, by ascending budget.")
      .def_property_readonly(
          "budgets", on_open(&get_budgets),
          "Budget that each schedule keeps under the costs in force: its own where the costs are "
          "those it was fitted for, else its expected cost plus a 95 % margin. None without "
          "costs.")
      .def_property_readonly(
          "schedule", on_open([](const Runtime& runtime) { return or_none(runtime.schedule()); }),
          "The schedule in force, under a controller the one for the next sample; None: full "
          "depth.")
      .def_property_readonly("surplus", on_open(&Runtime::surplus),
                             "What the controller has left over, in the unit of the schedules, "
                             "negative for a debt; None without a controller.")
      .def_property_readonly("costs", on_open(&get_costs),
                             "Cost of a sample leaving at each exit, in the unit of the schedules "
                             "(ms without any); None if no profile fits this device.")
      .def_property_readonly("static_cost", on_open(&get_static_cost),
                             "Cost of the network without early exits, if it was measured.")
      .def_property_readonly("profile", on_open(&get_profile),
                             "The cost profile in force, as in the manifest, or None.")
      .def("set_budget", on_open(&set_budget), "budget"_a, py::kw_only(), "horizon"_a = py::none(),
           "window"_a = py::none(), "neighbours"_a = 1,
           R"(Put the schedule with the largest budget that does not exceed `budget` in force.

Takes effect with the next sample, without a reload, on every thread. With a horizon or window a
controller keeps the mean cost of the samples from now on at the budget, whatever the data, by
switching between schedules (paper, "Adapting to Dynamic Budget Settings"; see `replay_stream`).
Calls of `infer` with a policy or forced exit of their own are not in its account. A batch runs under
one schedule.

Args:
    budget: Mean cost per sample: a share of full cost such as `"65%"`, at most `"100%"`, which
        means the same on every device, or a number in the unit of the schedules, ms unless they
        say otherwise. On a device without costs shares count by those that the schedules were
        fitted for.
    horizon: Samples over which the budget is to hold; after them a new horizon starts, into which a
        surplus or debt carries over.
    window: Samples over which a surplus or debt is to be worked off, or the samples left of the
        horizon where those are fewer. One of the two or both make a controller.
    neighbours: Number of schedules that a controller may use on either side of the one that it
        starts from; None: all.

Returns:
    The schedule in force, the one that a controller starts from: its `budget` and `share` may be
    below what was asked for, as that of 65 % for "67%" where 70 % is the next. None if the budget is
    above the full cost and full depth is in force, with a BudgetWarning.

Raises:
    BudgetError: If the budget cannot be met (with the feasible range), with a controller also if it
        is above the full cost, or nothing says what this device takes.
    InputError: If the budget is neither, or `horizon`, `window` or `neighbours` is out of range.)");
}

void def_lifetime(RuntimeClass& cls) {
  cls.def("close", &RuntimeHandle::close, py::call_guard<ReleasedGil>(),
          R"(Let go of what was loaded. Does nothing where it is closed.

Calls under way on other threads come to their end, and the memory is freed with the last of them.
Later calls raise ConfigurationError.)")
      .def_property_readonly("closed", &RuntimeHandle::closed, "Whether `close` was called.")
      .def(
          "__enter__", [](RuntimeHandle& handle) -> RuntimeHandle& { return handle; },
          py::return_value_policy::reference)
      .def(
          "__exit__",
          [](RuntimeHandle& handle, const py::object&, const py::object&, const py::object&) {
            const ReleasedGil released;
            handle.close();
          },
          "kind"_a, "error"_a, "traceback"_a);
}

}  // namespace

void warn_full_depth(const Runtime& runtime, const Budget& budget) {
  warn("BudgetWarning", runtime.budgets().full_depth_notice(budget).c_str());
}

void register_runtime(py::module_& module) {
  RuntimeClass cls(module, "Runtime",
                   R"(A loaded bundle, ready to answer. Made by `load`.

Thread-safe: as many samples or batches run at a time as there are threads calling. Does not survive a fork.
A context manager, which closes it at the end.)");
  def_network(cls);
  def_budget(cls);
  def_infer(cls);
  def_watch(cls);
  cls.def_property_readonly("threads",
                            on_open([](const Runtime& runtime) { return runtime.threads(); }),
                            "Threads that compute one sample.")
      .def_property_readonly("provider",
                             on_open([](const Runtime& runtime) { return runtime.provider(); }),
                             "Where segments run: the first of the providers asked for.")
      .def_property_readonly("provider_version",
                             on_open([](const Runtime& runtime) { return runtime.library(); }),
                             "Name and version of the inference library.")
      .def("__repr__", &repr);
  def_lifetime(cls);
}

}  // namespace eenet::python
