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
#include "eenet/tensor.h"

namespace eenet {

struct RunOptions {
  /// When to stop; null: full depth, where the last exit answers alone.
  const ExitPolicy* policy = nullptr;
  /// Leave at exactly this exit, whatever the scores: for measuring what it costs.
  std::optional<std::size_t> forced_exit;
  /// Copy the logits of every exit passed into the result.
  bool return_logits = false;
};

/// The answer for one sample. Owns its memory.
struct Result {
  std::size_t label = 0;
  std::size_t exit = 0;
  std::vector<float> probabilities;  ///< (C)
  std::vector<float> scores;         ///< Of exits 0 .. exit; empty at full depth.
  std::vector<float> logits;         ///< (exit + 1, C) if asked for, else empty.
  double latency_ms = 0;             ///< From the input check to the answer.
  double backend_ms = 0;             ///< The part of it spent inside the backend.
};

/// Runs segments in order until an exit accepts the sample.
///
/// Owns one caller's buffers, bound to the segments once. Not thread-safe: give each thread its
/// own Runner.
class Runner {
 public:
  /// @throws Error(kBackend) if the buffers cannot be had or bound.
  explicit Runner(std::shared_ptr<const Model> model);

  /// Classifies one sample.
  /// @param inputs The network's inputs in the manifest's order, without the batch axis; copied.
  /// @throws Error(kInput) if an input's dtype, shape or values are wrong, or the policy is made
  ///   for another network.
  /// @throws Error(kNonFinite) if an exit has no finite logits.
  /// @throws Error(kBackend) if a segment fails.
  Result run(std::span<const TensorView> inputs, const RunOptions& options);

 private:
  void check_options(std::size_t num_inputs, const RunOptions& options) const;
  void load_inputs(std::span<const TensorView> inputs);
  void copy_input(std::size_t tensor, const TensorView& input);
  void advance(const RunOptions& options, Result& result);
  void bind(std::vector<std::int64_t> symbol_values);

  std::shared_ptr<const Model> model_;
  std::vector<std::int64_t> symbol_values_;         // What bindings_ are made for.
  std::vector<AlignedBuffer> buffers_;              // Per tensor, for the largest sample.
  std::vector<std::unique_ptr<Binding>> bindings_;  // Per segment; they point into buffers_.
  ExitState state_;
};

}  // namespace eenet
