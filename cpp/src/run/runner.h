#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "eenet/result.h"
#include "eenet/tensor.h"

#include "decision/exit_state.h"
#include "engine/model.h"
#include "run/audits.h"
#include "run/run_options.h"
#include "tiers/handoff.h"

namespace eenet {

class Blackboard;
class Stopping;
enum class InputLayout : int;

/// Runs segments in order until an exit accepts the sample; in a batch, each sample leaves at its
/// own exit.
///
/// Owns one caller's buffers, made for the largest batch so far. Not thread-safe: give each thread
/// its own Runner.
class Runner {
 public:
  using Clock = std::chrono::steady_clock;

  /// @throws Error(kBackend) if the buffers for one sample cannot be had or bound.
  explicit Runner(std::shared_ptr<const Model> model);
  ~Runner();

  /// Computes every segment on a blank sample, without decisions.
  /// @param stop Ends it.
  /// @return Milliseconds of each segment that the bundle holds.
  /// @throws Error(kBackend) if a segment fails, Error(kCancelled) if it was ended.
  std::vector<double> warm_up(const std::stop_token& stop = {});

  /// Answers one sample.
  /// @param inputs The network's inputs in the manifest's order, without the batch axis; copied.
  /// @throws Error(kInput) if an input's dtype, shape or values are wrong, the options contradict
  ///   each other, or the policy is made for another network.
  /// @throws Error(kConfiguration) if the bundle is a slice without the first exit.
  /// @throws Error(kBudget) if not even the first exit would keep the deadline.
  /// @throws Error(kNonFinite) if what an exit puts out is not finite.
  /// @throws Error(kBackend) if a segment fails, Error(kCancelled) if the call was ended.
  Result run(std::span<const TensorView> inputs, const RunOptions& options);

  /// Answers the samples of a batch. Those that have left take no part in later segments.
  /// @param inputs As for run(), but with the batch axis in front.
  /// @throws Error as run(), for any of the samples; kBackend also if there is no memory for the
  ///   batch.
  BatchResult run_batch(std::span<const TensorView> inputs, const RunOptions& options);

  /// Goes on with a sample that was handed on, as if it had begun here.
  /// @param handoff That check_handoff() lets pass.
  /// @param options With the policy that the sample began with.
  /// @param start What latency and deadline count from.
  /// @throws Error(kInput) if its tensors are not those that are live before its next exit.
  /// @throws Error as run() else.
  Result resume(const Handoff& handoff, const RunOptions& options, Clock::time_point start);

 private:
  class Cancellable;

  BatchResult compute(std::span<const TensorView> inputs, const RunOptions& options,
                      InputLayout layout);
  BatchResult make_result(std::size_t samples, std::size_t first_exit,
                          const RunOptions& options) const;
  void check_policy(const RunOptions& options) const;
  void begin(std::size_t samples, const RunOptions& options);
  void run_segments(Clock::time_point start, const Stopping& stopping, const RunOptions& options,
                    BatchResult& result);
  void copy_outputs(std::size_t exit, BatchResult& result) const;
  void decide(std::size_t exit, std::optional<StopReason> stop, const RunOptions& options,
              BatchResult& result);
  bool decide_row(std::size_t exit, std::size_t row, std::optional<StopReason> stop,
                  const RunOptions& options, BatchResult& result);
  ExitState::Step step(std::size_t exit, std::size_t row, std::size_t samples);
  std::vector<std::byte> hand_on(std::size_t exit, std::size_t row, const RunOptions& options,
                                 BatchResult& result);
  void drop_leaving(std::size_t exit);

  std::shared_ptr<const Model> model_;
  std::unique_ptr<Blackboard> blackboard_;
  std::vector<ExitState> states_;       // Per sample of the largest batch so far.
  std::vector<std::size_t> in_flight_;  // The sample in each row of the blackboard.
  std::vector<std::size_t> staying_;    // Rows whose samples do not leave.
  Audits audits_;
};

}  // namespace eenet
