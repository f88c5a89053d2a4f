#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>

#include "eenet/controller.h"
#include "eenet/drift.h"
#include "eenet/export.h"
#include "eenet/model.h"
#include "eenet/result.h"
#include "eenet/runner.h"
#include "eenet/segment_times.h"
#include "eenet/stats.h"

namespace EENET_API eenet {

class Adaptation;
class Watch;
template <typename T>
class FreeList;

struct InferOptions : CallOptions {
  /// When to stop. None: what is in force. Null: full depth, the last exit answers alone.
  std::optional<const ExitPolicy*> policy;
};

/// What decides when samples leave: a schedule, full depth, or a controller that picks a schedule
/// for each call.
struct Mode {
  std::optional<std::size_t> schedule;  ///< Index; none: full depth. With a controller, its target.
  std::shared_ptr<Controller> controller;
  std::shared_ptr<Watch> watch;               ///< Null: none.
  std::shared_ptr<Adaptation> adaptation;     ///< Null: thresholds stay as they are.
  std::shared_ptr<const ExitPolicy> adapted;  ///< In place of the schedule's own; null: that one.
};

/// A model in use: what is in force, statistics, and a free list of Runners.
///
/// Thread-safe. As many samples or batches run at a time as there are threads calling. Each Runner
/// keeps buffers for the largest batch that it has run. Calls take no lock, but for the first one
/// that a Runner makes after a change of budget.
class Runtime {
 public:
  /// Loads a bundle and makes it ready, within the limits of the options. The bundle's active
  /// schedule is in force.
  /// @throws Error as Model::load() and the constructor.
  static std::unique_ptr<Runtime> load(const std::filesystem::path& path,
                                       const LoadOptions& options);

  /// As above, with segments opened by another backend than ONNX Runtime.
  static std::unique_ptr<Runtime> load(const std::filesystem::path& path,
                                       const LoadOptions& options,
                                       std::shared_ptr<const Backend> backend);

  /// Runs some blank samples, so that the first real one is as fast as the next.
  /// @param budget As for set_budget(); none: the bundle's active schedule.
  /// @param stop Ends that.
  /// @throws Error(kBackend) if a Runner cannot be made or fails, Error(kBudget) for the budget,
  ///   Error(kCancelled) if it was ended.
  explicit Runtime(std::shared_ptr<const Model> model, std::optional<Budget> budget = {},
                   const std::stop_token& stop = {});
  ~Runtime();

  /// Classifies one sample; see Runner::run().
  Result infer(std::span<const TensorView> inputs, const InferOptions& options = {});

  /// Classifies a batch, every sample under the same schedule; see Runner::run_batch().
  BatchResult infer_batch(std::span<const TensorView> inputs, const InferOptions& options = {});

  /// Goes on with a sample that another machine handed on, under the policy that it began with and
  /// whatever is in force here; see Runner::resume().
  /// @param handoff Untrusted bytes; not kept.
  /// @param options A policy takes the place of the schedule with the hand-off's digest, and must
  ///   have the same; the thresholds are the hand-off's.
  /// @throws Error(kInput) too if the bytes are damaged, of another version or network, or the
  ///   policy has another digest; Error(kConfiguration) if the bundle does not hold the next exit
  ///   or has no schedule with the digest.
  Result resume(std::span<const std::byte> handoff, const InferOptions& options = {});

  /// Puts the schedule with the largest budget <= `budget` in force, without a reload. Samples
  /// under way keep the schedule they started with.
  /// @param budget Mean cost per sample.
  /// @return Its index; none: the budget is above the full cost and full depth is in force.
  /// @throws Error(kBudget) if the budget cannot be met.
  std::optional<std::size_t> set_budget(const Budget& budget);

  /// Puts a controller in force, which keeps the mean cost of the samples from now on at the budget
  /// by switching schedules. Calls with a policy or forced exit of their own are not booked.
  /// @return Index of the schedule that set_budget(const Budget&) would take.
  /// @throws Error(kBudget, kInput) as Controller does; Error(kConfiguration) if a watch adapts
  ///   thresholds, which is another answer to the same question.
  std::size_t set_budget(const ControllerOptions& options);

  /// The schedule in force, with a controller the one for the next sample; null: full depth.
  std::shared_ptr<const Schedule> schedule() const;

  /// What the controller has left over, in the unit of the schedules, negative for a debt; none
  /// without a controller.
  std::optional<double> surplus() const;

  /// Watches the samples from now on, in place of an earlier watch. Calls with a policy or forced
  /// exit of their own, and full depth, are not watched.
  /// @throws Error(kInput) for an option out of range; Error(kConfiguration) if the bundle has no
  ///   schedules, or the watch is to adapt and no fixed schedule is in force, or this is a slice.
  void watch(WatchOptions options);
  /// Ends the watch, and puts the schedule's own thresholds back. Without a watch, does nothing.
  void unwatch();
  /// What the watch has seen.
  Health health() const;
  /// Puts the schedule's own thresholds back. The watch goes on, and may adapt them again.
  void reset_thresholds();

  const Model& model() const noexcept { return *model_; }
  Stats stats() const;
  void reset_stats() noexcept { stats_.reset(); }
  /// 95 % quantile of each segment's recent times: what deadlines are kept by.
  const SegmentTimes& segment_times() const noexcept { return times_; }

 private:
  /// A Runner, and the mode as it was when the Runner last looked.
  struct Caller;
  class Lease;  // Borrows a Caller for one call.
  struct Plan;

  void put_in_force(std::optional<std::size_t> schedule, std::shared_ptr<Controller> controller);
  void replace(const Mode& mode);
  void put_thresholds(const Mode& mode, std::shared_ptr<const ExitPolicy> policy);
  std::shared_ptr<Mode> mode() const;
  Plan plan(const InferOptions& options, Mode& mode);
  void record(std::size_t exit, StopReason reason, double latency_ms, Controller* controller);
  void record(const Result& result, Controller* controller);
  void exchange_watch(std::shared_ptr<Watch> watch);
  void show(const Mode& mode, const Result& result, bool limited);
  void show(const Mode& mode, const BatchResult& result, bool limited);
  void judge(const Mode& mode, std::size_t schedule);

  std::shared_ptr<const Model> model_;
  mutable std::mutex mutex_;               // Guards mode_.
  std::shared_ptr<Mode> mode_;             // Replaced as a whole.
  std::atomic<std::uint64_t> version_{0};  // Of mode_.
  StatsRecorder stats_;
  SegmentTimes times_;
  std::unique_ptr<FreeList<Caller>> idle_;
};

}  // namespace eenet
