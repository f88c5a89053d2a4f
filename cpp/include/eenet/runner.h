#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "eenet/exit_policy.h"
#include "eenet/exit_state.h"
#include "eenet/model.h"
#include "eenet/result.h"
#include "eenet/tensor.h"

namespace eenet {

enum class InputLayout : int;

struct RunOptions {
  /// When to stop; null: full depth, where the last exit answers alone.
  const ExitPolicy* policy = nullptr;
  /// Leave at exactly this exit, whatever the scores: for measuring what it costs.
  std::optional<std::size_t> forced_exit;
  /// Copy the logits of every exit passed into the result.
  bool return_logits = false;
};

/// Runs segments in order until an exit accepts the sample; in a batch, each sample leaves at its
/// own exit.
///
/// Owns one caller's buffers, made for the largest batch so far. Not thread-safe: give each thread
/// its own Runner.
class Runner {
 public:
  /// @throws Error(kBackend) if the buffers for one sample cannot be had or bound.
  explicit Runner(std::shared_ptr<const Model> model);

  /// Classifies one sample.
  /// @param inputs The network's inputs in the manifest's order, without the batch axis; copied.
  /// @throws Error(kInput) if an input's dtype, shape or values are wrong, or the policy is made
  ///   for another network.
  /// @throws Error(kNonFinite) if an exit has no finite logits.
  /// @throws Error(kBackend) if a segment fails.
  Result run(std::span<const TensorView> inputs, const RunOptions& options);

  /// Classifies the samples of a batch. Those that have left take no part in later segments.
  /// @param inputs As for run(), but with the batch axis in front.
  /// @throws Error as run(), for any of the samples; kBackend also if there is no memory for the
  ///   batch.
  BatchResult run_batch(std::span<const TensorView> inputs, const RunOptions& options);

 private:
  /// A segment on the buffers, and the sizes of the symbolic dimensions it is bound for.
  struct BoundSegment {
    std::vector<std::int64_t> symbol_values;
    std::unique_ptr<Binding> binding;
  };

  BatchResult compute(std::span<const TensorView> inputs, const RunOptions& options,
                      InputLayout layout);
  void check_options(std::size_t num_inputs, const RunOptions& options) const;
  void load_inputs(std::span<const TensorView> inputs, InputLayout layout);
  void copy_input(std::size_t tensor, const TensorView& input);
  void reserve(std::size_t samples);
  void bind(std::size_t segment);
  void run_segment(std::size_t segment);
  std::span<const float> logits(std::size_t exit, std::size_t row) const;
  void copy_logits(std::size_t exit, BatchResult& result) const;
  void decide(std::size_t exit, const RunOptions& options, BatchResult& result);
  ExitState::Step step(std::size_t exit, std::size_t row, std::size_t samples);
  void drop_leaving(std::size_t exit);

  std::shared_ptr<const Model> model_;
  std::vector<std::vector<std::size_t>> live_;  // Per exit: tensors that a later segment reads.
  std::vector<std::int64_t> symbol_values_;     // Of what the buffers hold: batch is the rows left.
  std::vector<AlignedBuffer> buffers_;          // Per tensor, for the largest batch so far.
  std::vector<BoundSegment> bound_;             // Per segment; they point into buffers_.
  std::vector<ExitState> states_;               // Per sample of the largest batch so far.
  std::vector<std::size_t> in_flight_;          // The sample in each row of the buffers.
  std::vector<std::size_t> staying_;            // Rows whose samples do not leave.
};

}  // namespace eenet
