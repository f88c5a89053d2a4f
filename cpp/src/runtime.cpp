#include "eenet/runtime.h"

#include <utility>

namespace eenet {

class Runtime::Lease {
 public:
  explicit Lease(Runtime& runtime) : runtime_(runtime) {
    {
      const std::lock_guard lock(runtime_.mutex_);
      if (!runtime_.idle_.empty()) {
        runner_ = std::move(runtime_.idle_.back());
        runtime_.idle_.pop_back();
      }
    }
    if (!runner_) runner_ = std::make_unique<Runner>(runtime_.model_);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    const std::lock_guard lock(runtime_.mutex_);
    runtime_.idle_.push_back(std::move(runner_));
  }

  Runner& runner() noexcept { return *runner_; }

 private:
  Runtime& runtime_;
  std::unique_ptr<Runner> runner_;
};

Runtime::Runtime(std::shared_ptr<const Model> model, std::optional<double> budget)
    : model_(std::move(model)),
      active_(model_->active() ? static_cast<std::int64_t>(*model_->active()) : kFullDepth),
      stats_(model_->manifest().num_exits()) {
  if (budget) set_budget(*budget);
  // Made now, so that what is wrong with the buffers is said at load and the first sample is fast.
  const Lease first(*this);
}

RunOptions Runtime::run_options(const InferOptions& options) const {
  RunOptions run{nullptr, options.forced_exit, options.return_logits};
  const std::int64_t active = active_.load(std::memory_order_relaxed);
  if (options.policy) {
    run.policy = *options.policy;
  } else if (active != kFullDepth) {
    const auto& schedules = model_->budgets().schedules();
    run.policy = schedules[static_cast<std::size_t>(active)]->exit_policy.get();
  }
  return run;
}

Result Runtime::infer(std::span<const TensorView> inputs, const InferOptions& options) {
  const RunOptions run = run_options(options);
  Lease lease(*this);
  Result result = lease.runner().run(inputs, run);
  if (!options.forced_exit) stats_.record(result.exit, result.latency_ms);
  return result;
}

BatchResult Runtime::infer_batch(std::span<const TensorView> inputs, const InferOptions& options) {
  const RunOptions run = run_options(options);
  Lease lease(*this);
  BatchResult result = lease.runner().run_batch(inputs, run);
  if (options.forced_exit) return result;
  for (const std::int64_t exit : result.exits) {
    stats_.record(static_cast<std::size_t>(exit), result.latency_ms);
  }
  return result;
}

std::optional<std::size_t> Runtime::set_budget(double budget) {
  const std::optional<std::size_t> chosen = model_->budgets().choose(budget);
  active_.store(chosen ? static_cast<std::int64_t>(*chosen) : kFullDepth,
                std::memory_order_relaxed);
  return chosen;
}

std::shared_ptr<const Schedule> Runtime::schedule() const {
  const std::int64_t active = active_.load(std::memory_order_relaxed);
  if (active == kFullDepth) return nullptr;
  return model_->budgets().schedules()[static_cast<std::size_t>(active)];
}

Stats Runtime::stats() const {
  const std::optional<Profile>& profile = model_->budgets().profile();
  return stats_.summary(profile ? profile->costs : std::vector<double>{});
}

}  // namespace eenet
