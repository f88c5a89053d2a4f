#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "eenet/budget.h"
#include "eenet/drift.h"
#include "eenet/export.h"
#include "eenet/manifest.h"
#include "eenet/options.h"
#include "eenet/result.h"
#include "eenet/schedule.h"
#include "eenet/stats.h"
#include "eenet/tensor.h"

namespace EENET_API eenet {

class Model;

/// A loaded bundle in use: what is in force, and statistics.
///
/// Thread-safe. As many samples or batches run at a time as there are threads calling; for each of
/// them buffers are kept, for the largest batch that it has run. Calls take no lock, but for the
/// first one after a change of budget.
class Runtime {
 public:
  /// Loads a bundle and makes it ready, within the limits of the options. The bundle's active
  /// schedule is in force.
  /// @throws Error(kBundle, kSchedule, kBackend, kConfiguration, kInput) naming what is wrong;
  ///   Error(kTimeout, kCancelled).
  static std::unique_ptr<Runtime> load(const std::filesystem::path& path,
                                       const LoadOptions& options);

  /// The second half of load(): runs some blank samples, so that the first real one is as fast as
  /// the next.
  /// @param stop Ends that.
  /// @throws Error(kBackend) if buffers cannot be had or a segment fails, Error(kCancelled) if it
  ///   was ended.
  explicit Runtime(std::shared_ptr<const Model> model, const std::stop_token& stop = {});
  ~Runtime();

  /// Answers one sample.
  /// @param inputs The network's inputs in the manifest's order, without the batch axis; copied.
  /// @throws Error(kInput) if an input's dtype, shape or values are wrong, the options contradict
  ///   each other, or the policy is made for another network; Error(kConfiguration) if the bundle
  ///   is a slice without the first exit; Error(kBudget) if not even the first exit would keep the
  ///   deadline; Error(kNonFinite) if what an exit puts out is not finite; Error(kBackend) if a
  ///   segment fails, Error(kCancelled) if the call was ended.
  Result infer(std::span<const TensorView> inputs, const InferOptions& options = {});

  /// Answers a batch, every sample under the same schedule. Those that have left take no part in
  /// later segments.
  /// @param inputs As for infer(), but with the batch axis in front.
  /// @throws Error as infer(), for any of the samples; kBackend also if there is no memory for the
  ///   batch.
  BatchResult infer_batch(std::span<const TensorView> inputs, const InferOptions& options = {});

  /// Goes on with a sample that another machine handed on, under the policy that it began with and
  /// whatever is in force here.
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
  /// @throws Error(kBudget) if the budget is not between what the lowest schedule and full depth
  ///   cost, or there are no costs; Error(kInput) for the other options; Error(kConfiguration) if a
  ///   watch adapts thresholds, which is another answer to the same question.
  std::size_t set_budget(const ControllerOptions& options);

  /// The schedule in force, with a controller the one for the next sample; null: full depth.
  std::shared_ptr<const Schedule> schedule() const;

  /// What the controller has left over, in the unit of the schedules, negative for a debt; none
  /// without a controller.
  std::optional<double> surplus() const;

  /// Watches the samples from now on, in place of an earlier watch. Calls with a policy or forced
  /// exit of their own, and full depth, are not watched.
  /// @throws Error(kInput) for an option out of range; Error(kConfiguration) if the bundle has no
  ///   schedules, or the watch is to adapt and no fixed schedule is in force, or this is a slice,
  ///   or the library was built without (EENET_WATCH=OFF).
  void watch(WatchOptions options);
  /// Ends the watch, and puts the schedule's own thresholds back. Without a watch, does nothing.
  void unwatch();
  /// What the watch has seen.
  Health health() const;
  /// Puts the schedule's own thresholds back. The watch goes on, and may adapt them again.
  void reset_thresholds();

  const Manifest& manifest() const noexcept;
  const BudgetTable& budgets() const noexcept;
  /// Where segments run: the `provider` of a measured profile.
  std::string provider() const;
  /// Name and version of the inference library.
  std::string library() const;
  int threads() const noexcept;

  Stats stats() const;
  void reset_stats() noexcept;
  /// Milliseconds that 95 % of the recent runs of each of the network's segments did not exceed:
  /// what deadlines are kept by. 0 for those that are not held here.
  std::vector<double> segment_p95_ms() const;

 private:
  struct State;

  std::unique_ptr<State> state_;
};

}  // namespace eenet
