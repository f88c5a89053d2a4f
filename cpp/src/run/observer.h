#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "eenet/budget.h"
#include "eenet/drift.h"
#include "eenet/manifest.h"

#include "decision/exit_policy.h"

namespace eenet {

class AuditLottery;

/// A sample that has its answer.
struct ObservedSample {
  std::size_t exit = 0;
  std::span<const float> scores;  ///< Of exits 0 .. exit.
  bool limited = false;           ///< Whether something but the schedule may have ended it.
  std::optional<bool> agrees;     ///< If audited: whether the last exit answers alike.
};

/// Looks on at the samples of a Runtime that run under its schedules, and may move their
/// thresholds. The Runtime knows no more of what watches it than this.
///
/// Thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Whether it moves thresholds, for which a fixed schedule must be in force.
  virtual bool adapts() const noexcept = 0;
  /// Says which samples are audited; null: none.
  virtual AuditLottery* lottery() noexcept = 0;

  /// The same observer for what comes into force, with all that it has seen so far.
  /// @param schedule A fixed one; none: a controller or full depth.
  virtual std::shared_ptr<Observer> renewed(std::optional<std::size_t> schedule) const = 0;

  /// @param schedule That the sample was under.
  /// @return Whether it completes a block: on_block() is due.
  virtual bool on_sample(std::size_t schedule, const ObservedSample& sample) noexcept = 0;

  struct Verdict {
    /// To be put in force unless something else has been; null: thresholds stay as they are.
    std::shared_ptr<const ExitPolicy> policy;
    std::function<void()> tell;  ///< To be called then, without a lock; empty: nothing to tell.
  };
  /// Judges the latest block of a schedule.
  virtual Verdict on_block(std::size_t schedule) = 0;

  /// Somebody else has put the own thresholds of a schedule back.
  virtual void on_reset(std::size_t schedule) = 0;
  /// It is out of force, and has nothing to tell from now on.
  virtual void on_end() = 0;

  virtual Health health() const = 0;
};

/// Of the target eenet_watch; where a build goes without (EENET_WATCH=OFF), an error.
/// @throws Error(kInput) for an option out of range; Error(kConfiguration) if the bundle has no
///   schedules, is a slice that cannot do what is asked for, or the build has no watch.
std::shared_ptr<Observer> make_watch(const Manifest& manifest, const BudgetTable& table,
                                     WatchOptions options);

}  // namespace eenet
