#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "eenet/error.h"
#include "eenet/runtime.h"

#include "arguments.h"
#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "interrupts.h"
#include "providers.h"
#include "util/text.h"

namespace eenet::python {
namespace {

using namespace pybind11::literals;

/// Frees the model without the GIL: closing sessions takes a while.
void destroy(Runtime* runtime) {
  if (PyGILState_Check() == 0) {
    delete runtime;
    return;
  }
  const ReleasedGil released;
  delete runtime;
}

using MemoryLimit = std::optional<Given<"memory_limit", std::int64_t>>;

std::optional<std::uint64_t> check_memory_limit(const MemoryLimit& limit) {
  if (limit && limit->value <= 0) {
    throw Error(ErrorCode::kInput, cat("memory_limit: ", limit->value, " came, above 0 expected"));
  }
  return limit ? std::optional(static_cast<std::uint64_t>(limit->value)) : std::nullopt;
}

std::unique_ptr<RuntimeHandle> load(const PathArgument& path, std::optional<BudgetArgument> budget,
                                    const Given<"threads", int>& threads,
                                    std::optional<Given<"cost_profile", std::vector<double>>> costs,
                                    const ProvidersArgument& providers,
                                    const std::optional<Given<"load_timeout", double>>& timeout,
                                    const MemoryLimit& memory_limit) {
  const std::filesystem::path folder = check_path(path);
  LoadOptions options;
  options.threads = threads;
  options.cost_profile = std::move(costs);
  options.providers = check_providers(providers);
  options.files = find_libraries();
  const auto wanted = budget ? std::optional(check_budget(*budget)) : std::nullopt;
  if (timeout) options.timeout = std::chrono::duration<double>(timeout->value);
  options.memory_limit = check_memory_limit(memory_limit);
  const auto runtime = interruptible([&](const std::stop_token& stop) {
    options.stop = stop;
    return std::shared_ptr<Runtime>(Runtime::load(folder, options).release(), &destroy);
  });
  const BudgetTable& budgets = runtime->budgets();
  if (wanted) runtime->set_budget(*wanted);
  if (!budgets.profile() && !budgets.schedules().empty()) {
    warn("ProfileWarning",
         "the bundle has no cost profile for this device, provider and number of threads: it runs, "
         "but takes no budget in ms until it is profiled or loaded with cost_profile=; shares of "
         "full cost count by the costs that its schedules were fitted for");
  }
  if (wanted && !runtime->schedule()) warn_full_depth(*runtime, *wanted);
  return std::make_unique<RuntimeHandle>(std::move(runtime));
}

}  // namespace

void register_load(py::module_& module) {
  module.def("load", &load, "path"_a, py::kw_only(), "budget"_a = py::none(), "threads"_a = 1,
             "cost_profile"_a = py::none(),
             "providers"_a = ProvidersArgument(py::make_tuple("cpu")),
             "load_timeout"_a = py::none(), "memory_limit"_a = *LoadOptions{}.memory_limit,
             R"(Load a bundle: check every file of it, open the segments, choose a schedule.

Segments are run here for the first time. Whoever made the bundle says what they do: hashes prove
that it is whole, not where it comes from (docs/spec/format.md). Ctrl-C in the main thread ends the
load.

Args:
    path: The folder `NAME.eenet`.
    budget: Mean cost per sample, as `Runtime.set_budget`. None: the bundle's active schedule.
    threads: Threads that compute one sample. The first load of a process fixes it.
    cost_profile: Milliseconds of a sample leaving at each exit, K numbers, in place of the
        bundle's profiles.
    providers: What computes, in order of preference, each a name or (name, {option: value}):
        `cpu`, `openvino`, or `onnxruntime:NAME`, as docs/providers.md lists them;
        `eenet_rt.providers()` has those that are here. What none of them can run is an error, so
        add `cpu` as the last one where it may take over.
    load_timeout: Seconds that the load may take; None: as long as it likes. With ONNX Runtime
        before 1.22 the opening of a segment cannot be ended, only what comes before and after it.
    memory_limit: Bytes that the load may take; None: what there is. Counted before they are taken:
        the segments' files, the largest file once more, and the tensors of the largest sample. On
        Linux also watched: what the process grows by meanwhile, whoever makes it grow.

Raises:
    BundleError: If the bundle is damaged, inconsistent, not understood, or above the memory limit.
    LoadTimeoutError: If it was not loaded in time.
    ScheduleError: If its schedules are malformed or made for another network.
    BudgetError: If the budget cannot be met.
    BackendError: If ONNX Runtime or a provider is missing or too old, or refuses a segment.
    ConfigurationError: If the process already runs with another number of threads, or was forked
        from one that had loaded a bundle.
    InputError: If `cost_profile` does not fit the network, or a provider or an option of one is
        unknown.

Warns:
    ProfileWarning: If no profile fits this device, so that budgets in ms are refused.
    BudgetWarning: If the budget is above the full cost, so that full depth runs.)");
}

}  // namespace eenet::python
