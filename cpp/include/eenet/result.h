#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// Why a sample left where it did.
enum class StopReason : std::uint8_t {
  kPolicy,      ///< The exit policy accepted, or the last exit answered.
  kMaxExit,     ///< No later exit was allowed.
  kDeadline,    ///< The next segment would have missed the deadline.
  kForcedExit,  ///< It was to leave at exactly this exit.
  kHandedOn,    ///< It did not: the bundle does not hold the next exit.
};
inline constexpr std::size_t kStopReasons = 5;

/// `policy`, `max_exit`, `deadline`, `forced_exit` or `handed_on`.
std::string_view stop_reason_name(StopReason reason);

/// What samples are answered, by the task of the network: arrays of other tasks are empty.
struct Answers {
  std::size_t num_classes = 0;       ///< C, of classification.
  std::size_t num_values = 0;        ///< D, of regression.
  std::vector<std::int64_t> labels;  ///< (N), of classification.
  std::vector<float> probabilities;  ///< (N, C), of classification.
  std::vector<float> values;         ///< (N, D), of regression.
};

/// What exits put out, as a call returns it if it is asked to.
struct ExitOutputs {
  /// Of each exit, the shapes of its tensors without the batch axis, in the manifest's order. Of an
  /// exit that was passed elsewhere, what travelled. Empty unless asked for.
  std::vector<std::vector<std::vector<std::int64_t>>> output_shapes;
  /// The numbers of a sample, exit after exit and tensor after tensor.
  std::vector<float> outputs;

  /// Where those of an exit begin among the numbers of a sample; of K: how many they are.
  std::size_t output_offset(std::size_t exit) const noexcept;
};

/// What one input of a scorer adds to a score.
struct Contribution {
  /// `p(CLASS)`, `maximum`, `certainty`, `vote`, `margin` or `score of exit K`.
  std::string name;
  double value = 0;
};

/// Why an exit accepted a sample or passed it on.
///
/// The score before it is clamped is the sum of the contributions, `others` and `bias`. With a
/// hidden layer they are those of the linear map that holds around this sample: the units that are
/// off add nothing.
struct ExitExplanation {
  std::size_t exit = 0;
  std::size_t label = 0;     ///< What the exit answers, in classification.
  std::vector<float> value;  ///< (D) likewise, in regression.
  float score = 0;           ///< As emitted; 0 at a disabled exit and the last one.
  double threshold = 0;      ///< +inf: disabled. The last exit accepts whatever the score.
  bool accepted = false;     ///< By score, or because it is the last.
  std::vector<Contribution> contributions;  ///< The largest ones by size; none without a score.
  double others = 0;                        ///< Sum of the contributions that are not listed.
  double bias = 0;                          ///< What no input of the scorer has a part in.
  double time_ms = 0;  ///< Computing the segment, the exit head and the decision.
};

/// The answer for one sample. Owns its memory.
struct Result : ExitOutputs {
  std::size_t label = 0;  ///< Of classification.
  std::size_t exit = 0;   ///< Where it left; handed on, the exit that answers so far.
  StopReason stopped_by = StopReason::kPolicy;
  std::optional<std::size_t> schedule;  ///< In force, an index; none: another policy, full depth.
  bool adapted = false;                 ///< Whether with thresholds that were adapted to a drift.
  std::optional<bool> audit_agrees;     ///< Whether the last exit answers an audited sample alike.
  std::optional<std::size_t> audit_label;  ///< What it answers, in classification.
  std::vector<float> audit_value;          ///< (D) likewise, in regression.
  std::vector<std::byte> handoff;          ///< Empty unless handed on; for Runtime::resume().
  std::vector<float> probabilities;        ///< (C), of classification.
  std::vector<float> value;                ///< (D), of regression.
  std::vector<float> scores;               ///< Of exits 0 .. exit; empty at full depth.
  /// Of the exits passed here, if asked for; else empty.
  std::vector<ExitExplanation> explanations;
  /// Of the segments run here, the last one that of `exit`: computing it, its exit head and the
  /// decision; of the whole batch.
  std::vector<double> segment_ms;
  double latency_ms = 0;  ///< From the input check to the answer, of the whole batch.
  double backend_ms = 0;  ///< The part of it spent inside the backend.

  bool complete() const noexcept { return stopped_by != StopReason::kHandedOn; }
};

inline constexpr std::int8_t kNotAudited = -1;

/// The answers for N samples, in the order of the input. Owns its memory; arrays are row-major.
/// Outputs are those of a sample after those of another: NaN after the exit taken, and where they
/// were put out elsewhere and have not travelled.
struct BatchResult : Answers, ExitOutputs {
  std::size_t num_exits = 0;
  std::size_t first_exit = 0;           ///< Of the segments that were run.
  std::vector<std::int64_t> exits;      ///< (N)
  std::vector<StopReason> stopped_by;   ///< (N)
  std::optional<std::size_t> schedule;  ///< As in Result; one for the whole batch.
  bool adapted = false;                 ///< Likewise.
  /// (N) 1 where the last exit answers an audited sample alike, else 0; kNotAudited of others;
  /// empty without audits.
  std::vector<std::int8_t> audit_agrees;
  Answers audits;  ///< What it answers them; without probabilities, and empty without audits.
  std::vector<std::vector<std::byte>> handoffs;  ///< (N) as in Result, or empty: none.
  std::vector<float> scores;  ///< (N, K), NaN after the exit taken; empty at full depth.
  std::vector<std::vector<ExitExplanation>> explanations;  ///< (N) if asked for, else empty.
  std::vector<double> segment_ms;                          ///< Of the segments that were run.
  double latency_ms = 0;  ///< From the input check to the last answer.
  double backend_ms = 0;  ///< The part of it spent inside the backend.

  std::size_t size() const noexcept { return exits.size(); }
  bool audited(std::size_t sample) const noexcept {
    return !audit_agrees.empty() && audit_agrees[sample] != kNotAudited;
  }
  /// The answer for one sample, copied; the times are those of the batch.
  Result at(std::size_t sample) const;
  /// The answers for some samples, copied, in this order; the times are those of the batch.
  BatchResult select(std::span<const std::size_t> samples) const;
};

}  // namespace eenet
