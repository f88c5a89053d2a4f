#include "watch/watch_observer.h"

#include <string>

#include "eenet/error.h"

namespace eenet {

std::shared_ptr<Observer> WatchObserver::renewed(std::optional<std::size_t> schedule) const {
  return std::make_shared<WatchObserver>(watch_,
                                         schedule ? watch_->make_adaptation(*schedule) : nullptr);
}

bool WatchObserver::on_sample(std::size_t schedule, const ObservedSample& sample) noexcept {
  return watch_->count(schedule, sample, adaptation_.get());
}

Observer::Verdict WatchObserver::on_block(std::size_t schedule) {
  Watch::Events events = watch_->judge(schedule, adaptation_.get());
  Verdict verdict;
  verdict.policy = std::move(events.policy);
  if (!events.on_alarm) return verdict;
  verdict.tell = [watch = watch_, alarms = std::move(events.alarms),
                  on_alarm = std::move(events.on_alarm)] {
    for (const Alarm& alarm : alarms) {
      if (watch->silent()) return;  // An alarm before may have led to that.
      on_alarm(alarm);
    }
  };
  return verdict;
}

std::shared_ptr<Observer> make_watch(const Manifest& manifest, const BudgetTable& table,
                                     WatchOptions options) {
  if (manifest.hands_on() && (options.adapt || options.audit_share > 0)) {
    throw Error(ErrorCode::kConfiguration,
                std::string(options.adapt ? "adapt" : "audit_share") +
                    ": came for a slice that samples leave without an answer, the network's last "
                    "exit expected in it");
  }
  return std::make_shared<WatchObserver>(std::make_shared<Watch>(table, std::move(options)));
}

}  // namespace eenet
