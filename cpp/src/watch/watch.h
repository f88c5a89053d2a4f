#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "eenet/budget.h"
#include "eenet/drift.h"

#include "run/audit_lottery.h"
#include "run/observer.h"
#include "watch/adaptation.h"
#include "watch/schedule_watch.h"

namespace eenet {

/// Watches the samples of a Runtime, under whatever schedules are in force, without their labels.
///
/// Thread-safe. Samples are counted without a lock; whoever completes a block judges it, unless
/// another thread is at it: then the next block is longer.
class Watch {
 public:
  /// @throws Error(kInput) for an option out of range.
  Watch(const BudgetTable& table, WatchOptions options);

  bool adapts() const noexcept { return options_.adapt; }
  /// Null without audits.
  AuditLottery* lottery() noexcept { return options_.audit_share > 0 ? &lottery_ : nullptr; }
  /// Lets the callback go: no alarm is told from now on.
  void silence();
  bool silent() const;

  /// Thresholds to set anew when the samples of this schedule drift, if the options ask for it.
  std::shared_ptr<Adaptation> make_adaptation(std::size_t schedule) const;

  /// @param adaptation Of the schedule, or null.
  /// @return Whether it completes a block: judge() is due.
  bool count(std::size_t schedule, const ObservedSample& sample, Adaptation* adaptation) noexcept;

  struct Events {
    std::vector<Alarm> alarms;
    std::function<void(const Alarm&)> on_alarm;  // To be called for each; empty: not at all.
    std::shared_ptr<const ExitPolicy> policy;    // To be put in force; null: no other than now.
  };
  /// Judges the latest block of a schedule.
  Events judge(std::size_t schedule, Adaptation* adaptation);

  /// Drops what was seen while thresholds were adapted, which others than the caller put back.
  void restart(std::size_t schedule);

  /// @param adaptation As for count().
  Health health(const Adaptation* adaptation) const;

 private:
  /// What a block of samples did.
  struct Recent {
    std::size_t schedule;
    std::vector<std::uint64_t> exits;
  };

  void keep(std::size_t schedule, std::vector<std::uint64_t> exits);
  void report_status(Health& health) const;
  void report_exits(Health& health) const;
  void report_audits(Health& health) const;
  double mean(const std::vector<double>& shares) const;
  std::uint64_t samples() const noexcept;
  std::size_t num_exits() const noexcept { return costs_.size(); }

  WatchOptions options_;
  AuditLottery lottery_;
  std::vector<double> costs_;
  std::vector<std::unique_ptr<ScheduleWatch>> schedules_;
  mutable std::mutex mutex_;  // Guards the rest, and all but the counters of the schedules.
  std::deque<Recent> recent_;
  std::deque<Alarm> alarms_;
  std::uint64_t adaptations_ = 0;
  std::uint64_t rollbacks_ = 0;
};

}  // namespace eenet
