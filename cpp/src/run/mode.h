#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "eenet/exit_policy.h"

#include "budget/controller.h"
#include "watch/adaptation.h"
#include "watch/watch.h"

namespace eenet {

/// What decides when samples leave: a schedule, full depth, or a controller that picks a schedule
/// for each call; and the watch that looks on, which may adapt the thresholds of a schedule.
/// Immutable: each change makes another one.
///
/// Thresholds are adapted only for a watch that is to, under a fixed schedule.
class Mode {
 public:
  /// Full depth, without a watch.
  Mode() = default;

  /// Another schedule, or controller and its target, under the same watch.
  /// @throws Error(kConfiguration) for a controller while a watch adapts.
  Mode with_schedule(std::optional<std::size_t> schedule,
                     std::shared_ptr<Controller> controller) const;
  /// Another watch, or none; with the schedule's own thresholds.
  /// @throws Error(kConfiguration) if it is to adapt and no fixed schedule is in force.
  Mode with_watch(std::shared_ptr<Watch> watch) const;
  /// Thresholds in place of the schedule's own; null: those.
  Mode with_thresholds(std::shared_ptr<const ExitPolicy> policy) const;
  /// The schedule's own thresholds; the watch begins anew to adapt them.
  Mode with_own_thresholds() const;

  /// Index; none: full depth. With a controller, its target.
  std::optional<std::size_t> schedule() const noexcept { return schedule_; }
  /// That of the next sample.
  std::optional<std::size_t> next_schedule() const noexcept {
    return controller_ ? controller_->choose() : schedule_;
  }
  Controller* controller() const noexcept { return controller_.get(); }
  Watch* watch() const noexcept { return watch_.get(); }
  const std::shared_ptr<Watch>& shared_watch() const noexcept { return watch_; }
  /// Null: thresholds stay as they are.
  Adaptation* adaptation() const noexcept { return adaptation_.get(); }
  /// In place of the schedule's own policy; null: that one.
  const ExitPolicy* adapted() const noexcept { return adapted_.get(); }

 private:
  void adapt_anew();

  std::optional<std::size_t> schedule_;
  std::shared_ptr<Controller> controller_;
  std::shared_ptr<Watch> watch_;
  std::shared_ptr<Adaptation> adaptation_;
  std::shared_ptr<const ExitPolicy> adapted_;
};

}  // namespace eenet
