#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// What a watch compares with the calibration set.
enum class Watched {
  kExits,      ///< Shares of the samples that leave at each exit.
  kScores,     ///< Shares of the samples that reach an exit in each bin of scores there.
  kAgreement,  ///< Share of the audited samples that the last exit answers alike.
};

/// Samples are not, or no longer, like those of the calibration set.
struct Alarm {
  Watched watched = Watched::kExits;
  std::size_t schedule = 0;  ///< Index of the schedule that was in force.
  std::size_t exit = 0;      ///< The exit, or for kExits that whose share is furthest off.
  /// The scores whose share is furthest off, from the first up to, but without, the second.
  std::optional<std::pair<float, float>> scores;
  double expected = 0;  ///< That share, on the calibration set ...
  double low = 0;       ///< ... and where that of the population may lie ...
  double high = 1;
  double seen = 0;           ///< ... and of the latest samples.
  std::uint64_t sample = 0;  ///< Samples watched so far.
  double evidence = 0;       ///< At least the false alarm interval.

  /// All of it in one line.
  std::string text() const;
};

struct WatchOptions {
  /// Mean number of samples until an alarm, as long as samples are like those of the calibration
  /// set; at least this, for all that is watched together. See docs/monitoring.md.
  double false_alarm_interval = 1'000'000;
  /// Share of samples that run to the last exit even if an earlier one accepts them, and are
  /// answered by that one all the same.
  double audit_share = 0;
  /// Chooses which samples are audited.
  std::uint64_t seed = 0;
  /// Set thresholds anew after an alarm, so that exit shares are again those that were planned.
  /// Needs a fixed schedule in force.
  bool adapt = false;
  /// Called by the thread whose sample brought the alarm, before its call returns, and without a
  /// lock: it may call anything. What it throws leaves that call.
  std::function<void(const Alarm&)> on_alarm;
};

/// What a watch has seen since it began.
struct Health {
  enum class Status {
    kUnwatched,  ///< There is no watch.
    kHealthy,    ///< Nothing is against samples like those of the calibration set.
    kDrifted,    ///< An alarm was raised, and is not over.
    kAdapted,    ///< It was, and adapted thresholds are in force.
  };

  Status status = Status::kUnwatched;
  std::uint64_t samples = 0;  ///< Watched so far.
  std::vector<Alarm> alarms;  ///< The latest ones, oldest first.
  double evidence = 0;        ///< The most of all detectors; an alarm at the false alarm interval.

  /// Of the latest 512 samples or somewhat more; empty before the first 64.
  std::vector<double> exit_shares;
  /// As planned by the schedules that were in force for these samples.
  std::vector<double> expected_exit_shares;
  std::optional<double> mean_cost;           ///< Of these samples; none without costs.
  std::optional<double> expected_mean_cost;  ///< As planned.

  std::uint64_t audits = 0;               ///< Samples audited since the watch began.
  std::optional<double> mean_audit_cost;  ///< What audits add to the mean cost of a sample.
  /// Share of the audited samples leaving at each exit that the last exit answers alike; none
  /// without audits.
  std::vector<std::optional<double>> agreement;
  /// On the calibration set; none if the bundle does not say.
  std::vector<std::optional<double>> expected_agreement;

  std::optional<std::vector<double>> thresholds;  ///< Adapted ones in force.
  std::uint64_t adaptations = 0;                  ///< Times that thresholds were set anew.
  std::uint64_t rollbacks = 0;                    ///< Times that the schedule's own came back.
};

}  // namespace eenet
