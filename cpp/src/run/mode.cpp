#include "run/mode.h"

#include <string>
#include <utility>

#include "eenet/error.h"

namespace eenet {

Mode Mode::with_schedule(std::optional<std::size_t> schedule,
                         std::shared_ptr<Controller> controller) const {
  if (controller && watch_ && watch_->adapts()) {
    throw Error(ErrorCode::kConfiguration,
                "budget: a controller came while a watch adapts thresholds, one of them expected");
  }
  Mode next = *this;
  next.schedule_ = schedule;
  next.controller_ = std::move(controller);
  next.adapt_anew();
  return next;
}

Mode Mode::with_watch(std::shared_ptr<Watch> watch) const {
  if (watch && watch->adapts() && (controller_ || !schedule_)) {
    throw Error(ErrorCode::kConfiguration, std::string("adapt: ") +
                                               (controller_ ? "a controller" : "full depth") +
                                               " is in force, a fixed schedule expected");
  }
  Mode next = *this;
  next.watch_ = std::move(watch);
  next.adapt_anew();
  return next;
}

Mode Mode::with_thresholds(std::shared_ptr<const ExitPolicy> policy) const {
  Mode next = *this;
  next.adapted_ = std::move(policy);
  return next;
}

Mode Mode::with_own_thresholds() const {
  Mode next = *this;
  next.adapt_anew();
  return next;
}

void Mode::adapt_anew() {
  adapted_ = nullptr;
  adaptation_ = watch_ && schedule_ && !controller_ ? watch_->make_adaptation(*schedule_) : nullptr;
}

}  // namespace eenet
