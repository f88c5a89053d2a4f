#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "eenet/runtime.h"

#include "budget/segment_times.h"
#include "engine/model.h"
#include "run/mode.h"
#include "run/runner.h"
#include "run/stats_recorder.h"
#include "util/free_list.h"

namespace eenet {

/// What a Runtime consists of.
struct Runtime::State {
  /// A Runner, and the mode as it was when the Runner last looked.
  struct Caller {
    explicit Caller(std::shared_ptr<const Model> model) : runner(std::move(model)) {}

    Runner runner;
    std::uint64_t version = 0;
    std::shared_ptr<const Mode> mode;
  };

  /// What one call is to do.
  struct Plan {
    RunOptions options;
    std::optional<std::size_t> schedule;  // If it is what is in force that decides.
    Controller* controller = nullptr;     // If it is to know what the call costs.
    bool adapted = false;                 // If under other thresholds than the schedule's own.
    Observer* observer = nullptr;         // If it is to know what the samples do.
    bool limited = false;                 // If they may end for other reasons than the schedule's.
  };

  class Lease;  // Borrows a Caller for one call.

  explicit State(std::shared_ptr<const Model> model);

  Plan plan(const InferOptions& options, const Mode& in_force);
  /// Of as many samples as come; empty is fine.
  void check_costs(std::span<const double> costs, std::span<const TensorView> inputs,
                   bool batch) const;
  /// @param costs Of the sample at each exit; empty: those in force.
  void record(std::size_t exit, StopReason reason, double latency_ms, Controller* controller,
              std::span<const double> costs);
  void record(const Result& result, Controller* controller, std::span<const double> costs);

  std::shared_ptr<const Mode> current_mode() const;
  void put_in_force(std::optional<std::size_t> schedule, std::shared_ptr<Controller> controller);
  /// Needs the lock.
  void replace(Mode next);

  void exchange_observer(std::shared_ptr<Observer> observer);
  void show(const Plan& plan, const Result& result);
  void show(const Plan& plan, const BatchResult& result);
  void judge(const Plan& plan);
  void put_thresholds(const Observer* by, std::shared_ptr<const ExitPolicy> policy);

  std::shared_ptr<const Model> model;
  mutable std::mutex mutex;               // Guards mode.
  std::shared_ptr<const Mode> mode;       // Replaced as a whole.
  std::atomic<std::uint64_t> version{0};  // Of mode.
  StatsRecorder stats;
  SegmentTimes times;
  FreeList<Caller> idle;
};

}  // namespace eenet
