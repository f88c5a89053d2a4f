#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "eenet/model.h"
#include "eenet/result.h"
#include "eenet/runner.h"
#include "eenet/stats.h"

namespace eenet {

struct InferOptions {
  /// When to stop. None: the active schedule. Null: full depth, the last exit answers alone.
  std::optional<const ExitPolicy*> policy;
  /// Leave at exactly this exit; such runs are left out of the statistics.
  std::optional<std::size_t> forced_exit;
  /// Copy the logits of every exit passed into the result.
  bool return_logits = false;
};

/// A model in use: the schedule in force, statistics, and a free list of Runners.
///
/// Thread-safe. As many samples or batches run at a time as there are threads calling. Each Runner
/// keeps buffers for the largest batch that it has run.
class Runtime {
 public:
  /// @param budget As for set_budget(); none: the bundle's active schedule.
  /// @throws Error(kBackend) if the first Runner cannot be made, Error(kBudget) for the budget.
  explicit Runtime(std::shared_ptr<const Model> model, std::optional<double> budget = {});

  /// Classifies one sample; see Runner::run().
  Result infer(std::span<const TensorView> inputs, const InferOptions& options = {});

  /// Classifies a batch, every sample under the same schedule; see Runner::run_batch().
  BatchResult infer_batch(std::span<const TensorView> inputs, const InferOptions& options = {});

  /// Puts the schedule with the largest budget <= `budget` in force, without a reload. Samples
  /// under way keep the schedule they started with.
  /// @param budget Mean cost per sample, in the unit of the schedules.
  /// @return Its index; none: the budget is above the full cost and full depth is in force.
  /// @throws Error(kBudget) if the budget cannot be met.
  std::optional<std::size_t> set_budget(double budget);

  /// The schedule in force; null: full depth.
  std::shared_ptr<const Schedule> schedule() const;

  const Model& model() const noexcept { return *model_; }
  Stats stats() const;
  void reset_stats() noexcept { stats_.reset(); }

 private:
  class Lease;  // Borrows a Runner for one call.

  static constexpr std::int64_t kFullDepth = -1;

  RunOptions run_options(const InferOptions& options) const;

  std::shared_ptr<const Model> model_;
  std::atomic<std::int64_t> active_;  // Index of the schedule in force, or kFullDepth.
  StatsRecorder stats_;
  std::mutex mutex_;  // Guards idle_.
  std::vector<std::unique_ptr<Runner>> idle_;
};

}  // namespace eenet
