#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "eenet/drift.h"
#include "eenet/schedule.h"

#include "decision/exit_policy.h"
#include "watch/detector.h"

namespace eenet {

/// Counts what the samples under one schedule do, and compares it with the calibration set, block
/// by block.
class ScheduleWatch {
 public:
  /// Samples of a block; more where threads race.
  static constexpr std::uint64_t kBlock = 64;

  /// @param index Of the schedule, for alarms.
  ScheduleWatch(std::shared_ptr<const Schedule> schedule, std::size_t index,
                const WatchOptions& options);

  // From any thread, without a lock.

  /// Counts a sample.
  /// @param scores Of the exits passed, the one taken included; a last exit's is ignored.
  /// @param limited Whether something but the schedule may have ended it: then its exit says
  ///   nothing about it, but its scores do.
  /// @return Whether it completes a block: take_block() is due.
  bool count(std::size_t exit, std::span<const float> scores, bool limited) noexcept;
  void count_audit(std::size_t exit, bool agrees) noexcept;

  // From one thread at a time.

  /// What became of a block.
  struct Block {
    std::vector<std::uint64_t> exits;  // Samples that left at each exit.
    std::vector<Alarm> alarms;         // New ones; what has been reported is not again.
    bool reached = false;              // Whether exits or scores brought an alarm, new or not.
  };
  /// @param adapted Whether adapted thresholds are in force: then exits and scores are not judged.
  /// @return None if there are less than kBlock new samples.
  std::optional<Block> take_block(bool adapted);

  /// Forgets the evidence that exits and scores gave, and the samples that have not been judged.
  void restart();

  double evidence() const;
  /// Whether the last alarm is not over: it is after 4,096 samples without another.
  bool drifted() const;

  /// Samples audited that left at an exit, and how many of them the last exit answered alike.
  struct Audits {
    std::uint64_t samples = 0;
    std::uint64_t agreeing = 0;
  };
  Audits audits(std::size_t exit) const noexcept;

  const Schedule& schedule() const noexcept { return *schedule_; }
  const std::shared_ptr<const Schedule>& shared_schedule() const noexcept { return schedule_; }
  std::uint64_t samples() const noexcept { return samples_.load(std::memory_order_relaxed); }

 private:
  /// A detector and the counters it looks at.
  struct Part {
    Watched watched;
    std::size_t exit;
    std::size_t first;             // Of the counters.
    std::vector<double> expected;  // Share of each category.
    DriftDetector detector;
    bool drifted = false;
    std::uint64_t quiet_blocks = 0;  // Since the evidence was last enough for an alarm.
  };

  void judge(Part& part, std::span<const std::uint64_t> counts, Block& block);
  Alarm make_alarm(const Part& part) const;
  void take_counts();
  std::size_t num_exits() const noexcept { return schedule_->exit_policy->num_exits(); }
  std::size_t scores_at(std::size_t exit) const noexcept;
  std::size_t audits_at(std::size_t exit) const noexcept;

  std::shared_ptr<const Schedule> schedule_;
  std::size_t index_;
  // Of exits (K), of bins of scores (K-1, B), of audits that agree and that do not (K-1, 2).
  std::vector<std::atomic<std::uint64_t>> counters_;
  std::atomic<std::uint64_t> samples_{0};
  std::vector<std::uint64_t> taken_;   // What the counters were after the last block.
  std::vector<std::uint64_t> latest_;  // What the last block added to them.
  std::uint64_t judged_ = 0;           // What samples_ was after the last block.
  std::vector<Part> parts_;
  double limit_ = 0;  // Evidence that is enough for an alarm.
};

}  // namespace eenet
