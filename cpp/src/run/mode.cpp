#include "run/mode.h"

#include <string>
#include <utility>

#include "eenet/error.h"

namespace eenet {

Mode Mode::with_schedule(std::optional<std::size_t> schedule,
                         std::shared_ptr<Controller> controller) const {
  if (controller && observer_ && observer_->adapts()) {
    throw Error(ErrorCode::kConfiguration,
                "budget: a controller came while a watch adapts thresholds, one of them expected");
  }
  Mode next = *this;
  next.schedule_ = schedule;
  next.controller_ = std::move(controller);
  next.observe_anew();
  return next;
}

Mode Mode::with_observer(std::shared_ptr<Observer> observer) const {
  if (observer && observer->adapts() && (controller_ || !schedule_)) {
    throw Error(ErrorCode::kConfiguration, std::string("adapt: ") +
                                               (controller_ ? "a controller" : "full depth") +
                                               " is in force, a fixed schedule expected");
  }
  Mode next = *this;
  next.observer_ = std::move(observer);
  next.observe_anew();
  return next;
}

Mode Mode::with_thresholds(std::shared_ptr<const ExitPolicy> policy) const {
  Mode next = *this;
  next.adapted_ = std::move(policy);
  return next;
}

Mode Mode::with_own_thresholds() const {
  Mode next = *this;
  next.observe_anew();
  return next;
}

void Mode::observe_anew() {
  adapted_ = nullptr;
  if (observer_) observer_ = observer_->renewed(controller_ ? std::nullopt : schedule_);
}

}  // namespace eenet
