#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eenet {

/// The answer for one sample. Owns its memory.
struct Result {
  std::size_t label = 0;
  std::size_t exit = 0;
  std::vector<float> probabilities;  ///< (C)
  std::vector<float> scores;         ///< Of exits 0 .. exit; empty at full depth.
  std::vector<float> logits;         ///< (exit + 1, C) if asked for, else empty.
  double latency_ms = 0;             ///< From the input check to the answer, of the whole batch.
  double backend_ms = 0;             ///< The part of it spent inside the backend.
};

/// The answers for N samples, in the order of the input. Owns its memory; arrays are row-major.
struct BatchResult {
  std::size_t num_exits = 0;
  std::size_t num_classes = 0;
  std::vector<std::int64_t> labels;  ///< (N)
  std::vector<std::int64_t> exits;   ///< (N)
  std::vector<float> probabilities;  ///< (N, C)
  std::vector<float> scores;         ///< (N, K), NaN after the exit taken; empty at full depth.
  std::vector<float> logits;         ///< (N, K, C) if asked for, NaN likewise; else empty.
  double latency_ms = 0;             ///< From the input check to the last answer.
  double backend_ms = 0;             ///< The part of it spent inside the backend.

  std::size_t size() const noexcept { return labels.size(); }
  /// The answer for one sample, copied; the times are those of the batch.
  Result at(std::size_t sample) const;
};

}  // namespace eenet
