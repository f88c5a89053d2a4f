// What a Runtime shows its observer, and what it puts in force for it.

#include <utility>

#include "eenet/runtime.h"

#include "run/runtime_state.h"

namespace eenet {

void Runtime::watch(WatchOptions options) {
  state_->exchange_observer(make_watch(manifest(), budgets(), std::move(options)));
}

void Runtime::unwatch() {
  state_->exchange_observer(nullptr);
}

void Runtime::State::exchange_observer(std::shared_ptr<Observer> observer) {
  std::shared_ptr<const Mode> before;
  {
    const std::lock_guard lock(mutex);
    before = mode;
    replace(mode->with_observer(std::move(observer)));
  }
  // Runners that rest keep the old mode, and with it the observer, until they run again.
  if (before->observer() != nullptr) before->observer()->on_end();
}

Health Runtime::health() const {
  const std::shared_ptr<const Mode> mode = state_->current_mode();
  return mode->observer() != nullptr ? mode->observer()->health() : Health{};
}

void Runtime::reset_thresholds() {
  std::shared_ptr<const Mode> before;
  {
    const std::lock_guard lock(state_->mutex);
    before = state_->mode;
    if (before->adapted() == nullptr) return;
    state_->replace(before->with_own_thresholds());
  }
  before->observer()->on_reset(*before->schedule());
}

void Runtime::State::show(const Plan& plan, const Result& result) {
  ObservedSample sample{result.exit, result.scores, plan.limited, std::nullopt};
  sample.agrees = result.audit_agrees;
  if (plan.observer->on_sample(*plan.schedule, sample)) judge(plan);
}

void Runtime::State::show(const Plan& plan, const BatchResult& result) {
  bool due = false;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto exit = static_cast<std::size_t>(result.exits[i]);
    const auto scores = std::span(result.scores).subspan(i * result.num_exits, exit + 1);
    ObservedSample sample{exit, scores, plan.limited, std::nullopt};
    if (result.audited(i)) sample.agrees = result.audit_agrees[i] == 1;
    due = plan.observer->on_sample(*plan.schedule, sample) || due;
  }
  if (due) judge(plan);
}

void Runtime::State::judge(const Plan& plan) {
  const Observer::Verdict verdict = plan.observer->on_block(*plan.schedule);
  if (verdict.policy) put_thresholds(plan.observer, verdict.policy);
  if (verdict.tell) verdict.tell();
}

void Runtime::State::put_thresholds(const Observer* by, std::shared_ptr<const ExitPolicy> policy) {
  const std::lock_guard lock(mutex);
  // Whoever has put something else in force since then meant it.
  if (mode->observer() != by) return;
  const auto& own = model->budgets().schedules()[*mode->schedule()]->exit_policy;
  replace(mode->with_thresholds(policy == own ? nullptr : std::move(policy)));
}

}  // namespace eenet
