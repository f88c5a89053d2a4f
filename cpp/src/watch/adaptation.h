#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "eenet/schedule.h"

namespace eenet {

/// The threshold by which at most `quota` of the scores leave: half way between the last that
/// does and the first that does not. Scores that are tied leave whole or stay whole. Never +inf,
/// which would disable the exit, so that later samples had no scores there.
double quota_threshold(std::vector<float> scores, std::size_t quota);

/// Keeps the exit shares of one schedule as planned on samples that are not like those of the
/// calibration set: sets thresholds anew by the scores of the latest samples, again and again, and
/// goes back to the schedule's own when they would do at every exit, or when the new ones do worse.
class Adaptation {
 public:
  /// Samples that thresholds are set by, and from one time to the next.
  static constexpr std::size_t kWindow = 512;
  /// Windows that adapted thresholds are judged by: one alone may look like anything.
  static constexpr std::size_t kJudged = 4;
  /// Windows for which thresholds that did worse are not set anew, if the drift goes on.
  static constexpr std::size_t kBarred = 16;

  /// @param costs Of the exits.
  Adaptation(std::shared_ptr<const Schedule> schedule, std::vector<double> costs);

  // From any thread, without a lock.

  /// Notes a sample that left by its scores.
  void record(std::size_t exit, std::span<const float> scores) noexcept;

  // From one thread at a time.

  enum class Step {
    kNone,
    kAdapted,     ///< policy() has new thresholds.
    kRolledBack,  ///< policy() is the schedule's own.
  };
  /// @param reached Whether there is enough evidence for an alarm.
  /// @param drifted Whether an alarm is not over.
  Step advance(bool reached, bool drifted);

  bool adapted() const noexcept { return policy_ != schedule_->exit_policy; }
  const std::shared_ptr<const ExitPolicy>& policy() const noexcept { return policy_; }

 private:
  /// The latest samples, in no order.
  struct Window {
    std::vector<std::size_t> exits;
    std::vector<float> scores;  // (kWindow, K-1), NaN where there is none.
  };

  /// Of the samples that come to an exit by the schedule's own thresholds, as far as it is known.
  struct Tally {
    double coming = 0;
    double leaving = 0;
    double unseen = 0;  // Left earlier by the thresholds in force, and might have come.
  };

  /// What is remembered of a window.
  struct Summary {
    double cost = 0;  // Mean, and the variance of the mean.
    double variance = 0;
    std::vector<Tally> own;  // Per exit but the last.
  };

  /// What the schedule's own threshold of an exit lets leave, of the samples that come to it.
  struct Share {
    double seen = 0;
    // The share if none of the unseen leave here, and if all do.
    double lowest = 0;
    double highest = 0;
    double planned = 0;
    double tolerance = 0;  // How far apart they may be by chance, in 19 of 20 cases.

    bool off() const noexcept;
  };

  Window window() const;
  void adapt(const Window& window);
  std::vector<float> scores_at(const Window& window, std::size_t exit,
                               std::span<const double> thresholds) const;
  Summary summarise(const Window& window) const;
  Tally own_tally(const Window& window, std::size_t exit) const;
  double distance(double cost) const;
  Share own_share(const std::deque<Summary>& windows, std::size_t exit) const;
  std::optional<std::size_t> first_off(const std::deque<Summary>& windows) const;
  bool own_would_do() const;
  bool does_worse() const;

  std::shared_ptr<const Schedule> schedule_;
  std::vector<double> costs_;
  std::vector<std::atomic<float>> scores_;  // Rings of kWindow samples.
  std::vector<std::atomic<std::uint32_t>> exits_;
  std::atomic<std::uint64_t> count_{0};

  std::shared_ptr<const ExitPolicy> policy_;
  std::uint64_t next_ = 0;  // The count at which thresholds are set or judged.
  bool wanted_ = false;     // An alarm came, and the rings were not full.
  // New thresholds did worse: not again before the drift is over, or this count.
  std::optional<std::uint64_t> barred_until_;
  std::deque<Summary> before_;  // The window by which thresholds were first set anew ...
  std::deque<Summary> since_;   // ... and the latest since, kJudged at most.
};

}  // namespace eenet
