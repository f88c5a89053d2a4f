#include "eenet/runtime.h"

#include <algorithm>
#include <string>
#include <utility>

#include "eenet/error.h"

#include "backends/registry.h"
#include "bundle/costs.h"
#include "engine/load_watch.h"
#include "run/load.h"
#include "run/runtime_state.h"
#include "tiers/handoff.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

// The first run of a segment plans its memory; the others say how long a run takes.
constexpr int kWarmUpRuns = 3;

/// The policy that a hand-off goes on under; null: full depth.
std::shared_ptr<const ExitPolicy> find_policy(
    const Handoff& handoff, const std::vector<std::shared_ptr<const Schedule>>& schedules,
    std::optional<const ExitPolicy*> given) {
  const auto text = [](const std::string& digest) {
    return digest.empty() ? "full depth" : cat("a policy with digest ", digest);
  };
  if (given) {
    const std::string digest = *given == nullptr ? "" : (*given)->digest();
    if (digest != handoff.policy) {
      throw Error(ErrorCode::kInput, cat("policy: ", text(digest), " came, ", text(handoff.policy),
                                         " expected by the hand-off"));
    }
  }
  if (handoff.policy.empty()) return nullptr;
  const ExitPolicy* rule = given.value_or(nullptr);
  for (const auto& schedule : schedules) {
    const std::shared_ptr<const ExitPolicy>& policy = schedule->exit_policy;
    if (given || policy->digest() != handoff.policy) continue;
    if (std::ranges::equal(policy->thresholds(), handoff.thresholds)) return policy;
    rule = policy.get();
  }
  if (rule == nullptr) {
    throw Error(ErrorCode::kConfiguration, cat("hand-off: the bundle has no schedule for ",
                                               text(handoff.policy), "; pass policy="));
  }
  return in_context("hand-off", [&] {
    return std::make_shared<const ExitPolicy>(rule->with_thresholds(handoff.thresholds));
  });
}

}  // namespace

class Runtime::State::Lease {
 public:
  explicit Lease(State& state) : state_(state), caller_(state.idle.take()) {
    if (!caller_) caller_ = std::make_unique<Caller>(state_.model);
    // Before the mode: one that is newer than its version is looked at again, never missed.
    const std::uint64_t version = state_.version.load(std::memory_order_acquire);
    if (caller_->version == version) return;
    caller_->mode = state_.current_mode();
    caller_->version = version;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { state_.idle.put(std::move(caller_)); }

  Runner& runner() noexcept { return caller_->runner; }
  const Mode& mode() noexcept { return *caller_->mode; }

 private:
  State& state_;
  std::unique_ptr<Caller> caller_;
};

Runtime::State::State(std::shared_ptr<const Model> loaded)
    : model(std::move(loaded)),
      mode(std::make_shared<const Mode>()),
      stats(model->manifest().num_exits()),
      times(model->manifest().num_exits()) {}

std::unique_ptr<Runtime> Runtime::load(const std::filesystem::path& path,
                                       const LoadOptions& options) {
  return load_runtime(path, options, BackendRegistry::built_in().open(options));
}

std::unique_ptr<Runtime> load_runtime(const std::filesystem::path& path, const LoadOptions& options,
                                      std::shared_ptr<const Backend> backend) {
  return in_context(cat("bundle ", quote_name(path.native())), [&] {
    LoadWatch watch(options);
    const auto model = Model::load(path, options, std::move(backend), watch);
    return watch.run([&] { return std::make_unique<Runtime>(model, watch.token()); });
  });
}

Runtime::Runtime(std::shared_ptr<const Model> model, const std::stop_token& stop)
    : state_(std::make_unique<State>(std::move(model))) {
  state_->put_in_force(state_->model->active(), nullptr);
  // Made now, so that what is wrong with the buffers is said at load.
  State::Lease first(*state_);
  for (int run = 0; run < kWarmUpRuns; ++run) {
    const std::vector<double> times = first.runner().warm_up(stop);
    const std::size_t exit = manifest().first_exit();
    for (std::size_t k = 0; run > 0 && k < times.size(); ++k) {
      state_->times.record(exit + k, times[k]);
    }
  }
}

Runtime::~Runtime() = default;

Runtime::State::Plan Runtime::State::plan(const InferOptions& options, const Mode& in_force) {
  Plan plan;
  plan.options = {options, nullptr, &times, nullptr};
  if (options.policy) {
    plan.options.policy = *options.policy;
    return plan;
  }
  plan.schedule = in_force.next_schedule();
  if (!options.forced_exit) plan.controller = in_force.controller();
  if (!plan.schedule) return plan;
  plan.adapted = in_force.adapted() != nullptr;
  plan.options.policy = plan.adapted
                            ? in_force.adapted()
                            : model->budgets().schedules()[*plan.schedule]->exit_policy.get();
  if (options.forced_exit || in_force.observer() == nullptr) return plan;
  plan.observer = in_force.observer();
  plan.limited = options.max_exit || options.deadline_ms || model->manifest().hands_on();
  if (!plan.limited) plan.options.audits = plan.observer->lottery();
  return plan;
}

Result Runtime::infer(std::span<const TensorView> inputs, const InferOptions& options) {
  state_->check_costs(options.costs, inputs, false);
  State::Lease lease(*state_);
  const State::Plan plan = state_->plan(options, lease.mode());
  Result result = lease.runner().run(inputs, plan.options);
  result.schedule = plan.schedule;
  result.adapted = plan.adapted;
  if (options.forced_exit) return result;
  state_->record(result, plan.controller, options.costs);
  if (plan.observer != nullptr) state_->show(plan, result);
  return result;
}

Result Runtime::resume(std::span<const std::byte> handoff, const InferOptions& options) {
  const auto start = Runner::Clock::now();
  state_->check_costs(options.costs, {}, false);
  const Handoff decoded = decode_handoff(handoff);
  check_handoff(manifest(), decoded);
  const auto policy = find_policy(decoded, budgets().schedules(), options.policy);
  State::Lease lease(*state_);
  Result result =
      lease.runner().resume(decoded, {options, policy.get(), &state_->times, nullptr}, start);
  if (!options.forced_exit) state_->record(result, nullptr, options.costs);
  return result;
}

BatchResult Runtime::infer_batch(std::span<const TensorView> inputs, const InferOptions& options) {
  state_->check_costs(options.costs, inputs, true);
  State::Lease lease(*state_);
  const State::Plan plan = state_->plan(options, lease.mode());
  BatchResult result = lease.runner().run_batch(inputs, plan.options);
  result.schedule = plan.schedule;
  result.adapted = plan.adapted;
  if (options.forced_exit) return result;
  std::vector<std::size_t> reached(result.segment_ms.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto exit = static_cast<std::size_t>(result.exits[i]);
    const std::span<const double> costs(options.costs);
    state_->record(exit, result.stopped_by[i], result.latency_ms, plan.controller,
                   costs.empty() ? costs : costs.subspan(i * result.num_exits, result.num_exits));
    const std::size_t last = result.audited(i) ? result.num_exits - 1 : exit;
    for (std::size_t k = 0; k <= last; ++k) ++reached[k];
  }
  for (std::size_t k = 0; k < reached.size(); ++k) {
    // None: an audit that led to no answer.
    if (reached[k] > 0) state_->stats.record_segment(k, reached[k], result.segment_ms[k]);
  }
  if (plan.observer != nullptr) state_->show(plan, result);
  return result;
}

void Runtime::State::check_costs(std::span<const double> costs, std::span<const TensorView> inputs,
                                 bool batch) const {
  if (costs.empty()) return;
  const std::optional<Profile>& profile = model->budgets().profile();
  if (!profile) {
    throw Error(ErrorCode::kConfiguration,
                "costs: came with a call, but no costs are in force that they stand in for");
  }
  const std::size_t exits = profile->costs.size();
  const bool shaped = batch && !inputs.empty() && !inputs.front().shape.empty();
  const std::size_t samples = shaped ? static_cast<std::size_t>(inputs.front().shape[0]) : 1;
  if (costs.size() != samples * exits) {
    throw Error(ErrorCode::kInput,
                cat("costs: ", costs.size(), " numbers came, ", exits, " expected of each of ",
                    samples, samples == 1 ? " sample" : " samples"));
  }
  for (std::size_t i = 0; i < samples; ++i) {
    const std::span<const double> own = costs.subspan(i * exits, exits);
    const std::string what = batch ? cat("costs of sample ", i) : "costs";
    eenet::check_costs({own.begin(), own.end()}, exits, ErrorCode::kInput, what);
    if (own.back() <= kLargestCost * profile->costs.back()) continue;
    throw Error(ErrorCode::kInput, cat(what, ": ", own.back(), " came, at most ", kLargestCost,
                                       " times the full cost in force expected"));
  }
}

void Runtime::State::record(std::size_t exit, StopReason reason, double latency_ms,
                            Controller* controller, std::span<const double> costs) {
  stats.record(exit, reason, latency_ms);
  // What a sample that is handed on will have cost is not known here: at most full cost.
  const bool handed_on = reason == StopReason::kHandedOn;
  const std::size_t booked = handed_on ? model->manifest().num_exits() - 1 : exit;
  if (!costs.empty() && !handed_on) {
    stats.record_cost(costs[exit] - model->budgets().profile()->costs[exit]);
  }
  if (controller == nullptr) return;
  if (costs.empty()) {
    controller->record(booked);
  } else {
    controller->record_cost(costs[booked]);
  }
}

void Runtime::State::record(const Result& result, Controller* controller,
                            std::span<const double> costs) {
  record(result.exit, result.stopped_by, result.latency_ms, controller, costs);
  const std::size_t first = result.exit + 1 - result.segment_ms.size();
  for (std::size_t k = 0; k < result.segment_ms.size(); ++k) {
    stats.record_segment(first + k, 1, result.segment_ms[k]);
    times.record(first + k, result.segment_ms[k]);
  }
}

void Runtime::State::put_in_force(std::optional<std::size_t> schedule,
                                  std::shared_ptr<Controller> controller) {
  const std::lock_guard lock(mutex);
  replace(mode->with_schedule(schedule, std::move(controller)));
}

void Runtime::State::replace(Mode next) {
  mode = std::make_shared<const Mode>(std::move(next));
  version.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Mode> Runtime::State::current_mode() const {
  const std::lock_guard lock(mutex);
  return mode;
}

std::optional<std::size_t> Runtime::set_budget(const Budget& budget) {
  const std::optional<std::size_t> chosen = budgets().choose(budget);
  state_->put_in_force(chosen, nullptr);
  return chosen;
}

std::size_t Runtime::set_budget(const ControllerOptions& options) {
  auto controller = std::make_shared<Controller>(budgets(), options);
  const std::size_t target = budgets().choose(options.budget).value();
  state_->put_in_force(target, std::move(controller));
  return target;
}

std::shared_ptr<const Schedule> Runtime::schedule() const {
  const std::optional<std::size_t> index = state_->current_mode()->next_schedule();
  return index ? budgets().schedules()[*index] : nullptr;
}

std::optional<double> Runtime::surplus() const {
  const std::shared_ptr<const Mode> mode = state_->current_mode();
  return mode->controller() ? std::optional(mode->controller()->surplus()) : std::nullopt;
}

const Manifest& Runtime::manifest() const noexcept {
  return state_->model->manifest();
}

const BudgetTable& Runtime::budgets() const noexcept {
  return state_->model->budgets();
}

std::string Runtime::provider() const {
  return state_->model->backend().provider();
}

std::string Runtime::library() const {
  return state_->model->backend().version();
}

int Runtime::threads() const noexcept {
  return state_->model->threads();
}

Stats Runtime::stats() const {
  const std::optional<Profile>& profile = budgets().profile();
  return state_->stats.summary(profile ? profile->costs : std::vector<double>{});
}

void Runtime::reset_stats() noexcept {
  state_->stats.reset();
}

std::vector<double> Runtime::segment_p95_ms() const {
  std::vector<double> out(manifest().num_exits());
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = state_->times.p95_ms(k);
  return out;
}

}  // namespace eenet
