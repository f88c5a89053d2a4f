#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
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
/// goes back to the schedule's own when they would do, or when the new ones do no better.
class Adaptation {
 public:
  /// Samples that thresholds are set by, and from one time to the next.
  static constexpr std::size_t kWindow = 512;

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

  Window window() const;
  void adapt(const Window& window);
  std::vector<float> scores_at(const Window& window, std::size_t exit,
                               const std::vector<double>& thresholds) const;
  double mean_cost(const Window& window) const;
  double distance(double cost) const;
  bool own_would_do(const Window& window) const;
  double first_share(const Window& window) const;
  double tolerance() const;

  std::shared_ptr<const Schedule> schedule_;
  std::vector<double> costs_;
  std::size_t first_ = 0;  // The first exit with a say: its scores are those of all samples.
  std::vector<std::atomic<float>> scores_;  // Rings of kWindow samples.
  std::vector<std::atomic<std::uint32_t>> exits_;
  std::atomic<std::uint64_t> count_{0};

  std::shared_ptr<const ExitPolicy> policy_;
  std::uint64_t next_ = 0;    // The count at which thresholds are set or judged.
  bool wanted_ = false;       // An alarm came, and the rings were not full.
  bool barred_ = false;       // New thresholds did no better; not again before the drift is over.
  double distance_ = 0;       // From the planned cost, before thresholds were set anew ...
  double drifted_share_ = 0;  // ... and what the schedule's own let leave at first_.
};

}  // namespace eenet
