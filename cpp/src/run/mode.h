#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "budget/controller.h"
#include "decision/exit_policy.h"
#include "run/observer.h"

namespace eenet {

/// What decides when samples leave: a schedule, full depth, or a controller that picks a schedule
/// for each call; and the observer that looks on, which may adapt the thresholds of a schedule.
/// Immutable: each change makes another one.
///
/// Thresholds are adapted only for an observer that does, under a fixed schedule.
class Mode {
 public:
  /// Full depth, without an observer.
  Mode() = default;

  /// Another schedule, or controller and its target, before the same observer.
  /// @throws Error(kConfiguration) for a controller while an observer adapts.
  Mode with_schedule(std::optional<std::size_t> schedule,
                     std::shared_ptr<Controller> controller) const;
  /// Another observer, or none; with the schedule's own thresholds.
  /// @throws Error(kConfiguration) if it adapts and no fixed schedule is in force.
  Mode with_observer(std::shared_ptr<Observer> observer) const;
  /// Thresholds in place of the schedule's own; null: those.
  Mode with_thresholds(std::shared_ptr<const ExitPolicy> policy) const;
  /// The schedule's own thresholds; the observer begins anew to adapt them.
  Mode with_own_thresholds() const;

  /// Index; none: full depth. With a controller, its target.
  std::optional<std::size_t> schedule() const noexcept { return schedule_; }
  /// That of the next sample.
  std::optional<std::size_t> next_schedule() const noexcept {
    return controller_ ? controller_->choose() : schedule_;
  }
  Controller* controller() const noexcept { return controller_.get(); }
  /// Another one after each change but with_thresholds(). Null: none.
  Observer* observer() const noexcept { return observer_.get(); }
  /// In place of the schedule's own policy; null: that one.
  const ExitPolicy* adapted() const noexcept { return adapted_.get(); }

 private:
  void observe_anew();

  std::optional<std::size_t> schedule_;
  std::shared_ptr<Controller> controller_;
  std::shared_ptr<Observer> observer_;
  std::shared_ptr<const ExitPolicy> adapted_;
};

}  // namespace eenet
