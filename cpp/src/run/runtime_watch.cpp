// The watch of a Runtime: what it is shown, and what it puts in force.

#include <utility>

#include "eenet/error.h"
#include "eenet/runtime.h"

#include "run/runtime_state.h"

namespace eenet {

void Runtime::watch(WatchOptions options) {
  if (manifest().hands_on() && (options.adapt || options.audit_share > 0)) {
    throw Error(ErrorCode::kConfiguration,
                std::string(options.adapt ? "adapt" : "audit_share") +
                    ": came for a slice that samples leave without an answer, the network's last "
                    "exit expected in it");
  }
  auto watch = std::make_shared<Watch>(budgets(), std::move(options));
  state_->exchange_watch(std::move(watch));
}

void Runtime::unwatch() {
  state_->exchange_watch(nullptr);
}

void Runtime::State::exchange_watch(std::shared_ptr<Watch> watch) {
  std::shared_ptr<Watch> before;
  {
    const std::lock_guard lock(mutex);
    before = mode->shared_watch();
    replace(mode->with_watch(std::move(watch)));
  }
  // Runners that rest keep the old mode, and with it the watch, until they run again.
  if (before) before->silence();
}

Health Runtime::health() const {
  const std::shared_ptr<const Mode> mode = state_->current_mode();
  return mode->watch() ? mode->watch()->health(mode->adaptation()) : Health{};
}

void Runtime::reset_thresholds() {
  std::shared_ptr<const Mode> before;
  {
    const std::lock_guard lock(state_->mutex);
    before = state_->mode;
    if (!before->adapted()) return;
    state_->replace(before->with_own_thresholds());
  }
  before->watch()->restart(*before->schedule());
}

void Runtime::State::show(const Mode& shown, const Result& result, bool limited) {
  WatchedSample sample{result.exit, result.scores, limited, std::nullopt};
  if (result.audit_label) sample.agrees = result.label == *result.audit_label;
  if (shown.watch()->count(*result.schedule, sample, shown.adaptation())) {
    judge(shown, *result.schedule);
  }
}

void Runtime::State::show(const Mode& shown, const BatchResult& result, bool limited) {
  bool due = false;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto exit = static_cast<std::size_t>(result.exits[i]);
    const auto scores = std::span(result.scores).subspan(i * result.num_exits, exit + 1);
    WatchedSample sample{exit, scores, limited, std::nullopt};
    if (result.audited(i)) sample.agrees = result.labels[i] == result.audit_labels[i];
    due = shown.watch()->count(*result.schedule, sample, shown.adaptation()) || due;
  }
  if (due) judge(shown, *result.schedule);
}

void Runtime::State::judge(const Mode& shown, std::size_t schedule) {
  const Watch::Events events = shown.watch()->judge(schedule, shown.adaptation());
  if (events.policy) put_thresholds(shown, events.policy);
  if (!events.on_alarm) return;
  for (const Alarm& alarm : events.alarms) events.on_alarm(alarm);
}

void Runtime::State::put_thresholds(const Mode& shown, std::shared_ptr<const ExitPolicy> policy) {
  const std::lock_guard lock(mutex);
  // Whoever has put something else in force since then meant it.
  if (mode->adaptation() != shown.adaptation()) return;
  const auto& own = model->budgets().schedules()[*mode->schedule()]->exit_policy;
  replace(mode->with_thresholds(policy == own ? nullptr : std::move(policy)));
}

}  // namespace eenet
