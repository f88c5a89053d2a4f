#include "eenet/runtime.h"

#include <algorithm>
#include <string>
#include <utility>

#include "eenet/error.h"
#include "eenet/handoff.h"

#include "engine/load_watch.h"
#include "util/context.h"
#include "util/free_list.h"
#include "util/text.h"
#include "watch/adaptation.h"
#include "watch/watch.h"

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

struct Runtime::Caller {
  explicit Caller(std::shared_ptr<const Model> model) : runner(std::move(model)) {}

  Runner runner;
  std::uint64_t version = 0;
  std::shared_ptr<Mode> mode;
};

class Runtime::Lease {
 public:
  explicit Lease(Runtime& runtime) : runtime_(runtime), caller_(runtime.idle_->take()) {
    if (!caller_) caller_ = std::make_unique<Caller>(runtime_.model_);
    // Before the mode: one that is newer than its version is looked at again, never missed.
    const std::uint64_t version = runtime_.version_.load(std::memory_order_acquire);
    if (caller_->version == version) return;
    caller_->mode = runtime_.mode();
    caller_->version = version;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { runtime_.idle_->put(std::move(caller_)); }

  Runner& runner() noexcept { return caller_->runner; }
  Mode& mode() noexcept { return *caller_->mode; }

 private:
  Runtime& runtime_;
  std::unique_ptr<Caller> caller_;
};

/// What one call is to do.
struct Runtime::Plan {
  RunOptions options;
  std::optional<std::size_t> schedule;  // If it is what is in force that decides.
  Controller* controller = nullptr;     // If it is to know what the call costs.
  bool watched = false;                 // If the watch is to know what the samples do.
  bool limited = false;                 // If they may end for other reasons than the schedule's.
};

std::unique_ptr<Runtime> Runtime::load(const std::filesystem::path& path,
                                       const LoadOptions& options) {
  return load(path, options, open_onnxruntime({options.threads, options.providers, options.files}));
}

std::unique_ptr<Runtime> Runtime::load(const std::filesystem::path& path,
                                       const LoadOptions& options,
                                       std::shared_ptr<const Backend> backend) {
  return in_context(cat("bundle ", quote_name(path.native())), [&] {
    LoadWatch watch(options);
    const auto model = Model::load(path, options, std::move(backend), watch);
    return watch.run([&] { return std::make_unique<Runtime>(model, std::nullopt, watch.token()); });
  });
}

Runtime::Runtime(std::shared_ptr<const Model> model, std::optional<Budget> budget,
                 const std::stop_token& stop)
    : model_(std::move(model)),
      stats_(model_->manifest().num_exits()),
      times_(model_->manifest().num_exits()),
      idle_(std::make_unique<FreeList<Caller>>()) {
  put_in_force(model_->active(), nullptr);
  if (budget) set_budget(*budget);
  // Made now, so that what is wrong with the buffers is said at load.
  Lease first(*this);
  for (int run = 0; run < kWarmUpRuns; ++run) {
    const std::vector<double> times = first.runner().warm_up(stop);
    const std::size_t exit = model_->manifest().first_exit();
    for (std::size_t k = 0; run > 0 && k < times.size(); ++k) times_.record(exit + k, times[k]);
  }
}

Runtime::~Runtime() = default;

Runtime::Plan Runtime::plan(const InferOptions& options, Mode& mode) {
  Plan plan;
  plan.options = {options, nullptr, &times_, nullptr};
  if (options.policy) {
    plan.options.policy = *options.policy;
    return plan;
  }
  plan.schedule = mode.schedule;
  if (mode.controller) {
    plan.schedule = mode.controller->choose();
    if (!options.forced_exit) plan.controller = mode.controller.get();
  }
  if (!plan.schedule) return plan;
  plan.options.policy = mode.adapted
                            ? mode.adapted.get()
                            : model_->budgets().schedules()[*plan.schedule]->exit_policy.get();
  if (options.forced_exit || !mode.watch) return plan;
  plan.watched = true;
  plan.limited = options.max_exit || options.deadline_ms || model_->manifest().hands_on();
  if (!plan.limited) plan.options.audits = mode.watch->lottery();
  return plan;
}

Result Runtime::infer(std::span<const TensorView> inputs, const InferOptions& options) {
  Lease lease(*this);
  const Plan plan = this->plan(options, lease.mode());
  Result result = lease.runner().run(inputs, plan.options);
  result.schedule = plan.schedule;
  result.adapted = plan.schedule && lease.mode().adapted;
  if (options.forced_exit) return result;
  record(result, plan.controller);
  if (plan.watched) show(lease.mode(), result, plan.limited);
  return result;
}

Result Runtime::resume(std::span<const std::byte> handoff, const InferOptions& options) {
  const auto start = Runner::Clock::now();
  const Handoff decoded = decode_handoff(handoff);
  check_handoff(model_->manifest(), decoded);
  const auto policy = find_policy(decoded, model_->budgets().schedules(), options.policy);
  Lease lease(*this);
  Result result = lease.runner().resume(decoded, {options, policy.get(), &times_, nullptr}, start);
  if (!options.forced_exit) record(result, nullptr);
  return result;
}

BatchResult Runtime::infer_batch(std::span<const TensorView> inputs, const InferOptions& options) {
  Lease lease(*this);
  const Plan plan = this->plan(options, lease.mode());
  BatchResult result = lease.runner().run_batch(inputs, plan.options);
  result.schedule = plan.schedule;
  result.adapted = plan.schedule && lease.mode().adapted;
  if (options.forced_exit) return result;
  std::vector<std::size_t> reached(result.segment_ms.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto exit = static_cast<std::size_t>(result.exits[i]);
    record(exit, result.stopped_by[i], result.latency_ms, plan.controller);
    const std::size_t last = result.audited(i) ? result.num_exits - 1 : exit;
    for (std::size_t k = 0; k <= last; ++k) ++reached[k];
  }
  for (std::size_t k = 0; k < reached.size(); ++k) {
    // None: an audit that led to no answer.
    if (reached[k] > 0) stats_.record_segment(k, reached[k], result.segment_ms[k]);
  }
  if (plan.watched) show(lease.mode(), result, plan.limited);
  return result;
}

void Runtime::record(std::size_t exit, StopReason reason, double latency_ms,
                     Controller* controller) {
  stats_.record(exit, reason, latency_ms);
  if (controller == nullptr) return;
  // What a sample that is handed on will have cost is not known here: at most full cost.
  const bool handed_on = reason == StopReason::kHandedOn;
  controller->record(handed_on ? model_->manifest().num_exits() - 1 : exit);
}

void Runtime::record(const Result& result, Controller* controller) {
  record(result.exit, result.stopped_by, result.latency_ms, controller);
  const std::size_t first = result.exit + 1 - result.segment_ms.size();
  for (std::size_t k = 0; k < result.segment_ms.size(); ++k) {
    stats_.record_segment(first + k, 1, result.segment_ms[k]);
    times_.record(first + k, result.segment_ms[k]);
  }
}

void Runtime::put_in_force(std::optional<std::size_t> schedule,
                           std::shared_ptr<Controller> controller) {
  const std::lock_guard lock(mutex_);
  Mode next{schedule, std::move(controller), mode_ ? mode_->watch : nullptr, nullptr, nullptr};
  if (next.watch && next.watch->adapts()) {
    if (next.controller) {
      throw Error(
          ErrorCode::kConfiguration,
          "budget: a controller came while a watch adapts thresholds, one of them expected");
    }
    if (schedule) next.adaptation = next.watch->make_adaptation(*schedule);
  }
  replace(next);
}

/// Needs the lock.
void Runtime::replace(const Mode& mode) {
  mode_ = std::make_shared<Mode>(mode);
  version_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<Mode> Runtime::mode() const {
  const std::lock_guard lock(mutex_);
  return mode_;
}

std::optional<std::size_t> Runtime::set_budget(const Budget& budget) {
  const std::optional<std::size_t> chosen = model_->budgets().choose(budget);
  put_in_force(chosen, nullptr);
  return chosen;
}

std::size_t Runtime::set_budget(const ControllerOptions& options) {
  auto controller = std::make_shared<Controller>(model_->budgets(), options);
  const std::size_t target = model_->budgets().choose(options.budget).value();
  put_in_force(target, std::move(controller));
  return target;
}

std::shared_ptr<const Schedule> Runtime::schedule() const {
  const std::shared_ptr<Mode> mode = this->mode();
  const std::optional<std::size_t> index =
      mode->controller ? mode->controller->choose() : mode->schedule;
  return index ? model_->budgets().schedules()[*index] : nullptr;
}

std::optional<double> Runtime::surplus() const {
  const std::shared_ptr<Mode> mode = this->mode();
  return mode->controller ? std::optional(mode->controller->surplus()) : std::nullopt;
}

Stats Runtime::stats() const {
  const std::optional<Profile>& profile = model_->budgets().profile();
  return stats_.summary(profile ? profile->costs : std::vector<double>{});
}

}  // namespace eenet
