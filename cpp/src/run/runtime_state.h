#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "eenet/runtime.h"

#include "budget/controller.h"
#include "budget/segment_times.h"
#include "engine/model.h"
#include "run/runner.h"
#include "run/stats_recorder.h"
#include "util/free_list.h"
#include "watch/adaptation.h"
#include "watch/watch.h"

namespace eenet {

/// What decides when samples leave: a schedule, full depth, or a controller that picks a schedule
/// for each call.
struct Mode {
  std::optional<std::size_t> schedule;  ///< Index; none: full depth. With a controller, its target.
  std::shared_ptr<Controller> controller;
  std::shared_ptr<Watch> watch;               ///< Null: none.
  std::shared_ptr<Adaptation> adaptation;     ///< Null: thresholds stay as they are.
  std::shared_ptr<const ExitPolicy> adapted;  ///< In place of the schedule's own; null: that one.
};

/// What a Runtime consists of.
struct Runtime::State {
  /// A Runner, and the mode as it was when the Runner last looked.
  struct Caller {
    explicit Caller(std::shared_ptr<const Model> model) : runner(std::move(model)) {}

    Runner runner;
    std::uint64_t version = 0;
    std::shared_ptr<Mode> mode;
  };

  /// What one call is to do.
  struct Plan {
    RunOptions options;
    std::optional<std::size_t> schedule;  // If it is what is in force that decides.
    Controller* controller = nullptr;     // If it is to know what the call costs.
    bool watched = false;                 // If the watch is to know what the samples do.
    bool limited = false;                 // If they may end for other reasons than the schedule's.
  };

  class Lease;  // Borrows a Caller for one call.

  explicit State(std::shared_ptr<const Model> model);

  Plan plan(const InferOptions& options, Mode& mode);
  void record(std::size_t exit, StopReason reason, double latency_ms, Controller* controller);
  void record(const Result& result, Controller* controller);

  std::shared_ptr<Mode> current_mode() const;
  void put_in_force(std::optional<std::size_t> schedule, std::shared_ptr<Controller> controller);
  /// Needs the lock.
  void replace(const Mode& next);

  void exchange_watch(std::shared_ptr<Watch> watch);
  void show(const Mode& shown, const Result& result, bool limited);
  void show(const Mode& shown, const BatchResult& result, bool limited);
  void judge(const Mode& shown, std::size_t schedule);
  void put_thresholds(const Mode& shown, std::shared_ptr<const ExitPolicy> policy);

  std::shared_ptr<const Model> model;
  mutable std::mutex mutex;               // Guards mode.
  std::shared_ptr<Mode> mode;             // Replaced as a whole.
  std::atomic<std::uint64_t> version{0};  // Of mode.
  StatsRecorder stats;
  SegmentTimes times;
  FreeList<Caller> idle;
};

}  // namespace eenet
