#include "eenet/result.h"

#include <array>

namespace eenet {
namespace {

/// Part of an array; empty if the array is.
template <typename T>
std::vector<T> slice(const std::vector<T>& values, std::size_t start, std::size_t count) {
  if (values.empty()) return {};
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(start);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

std::string_view stop_reason_name(StopReason reason) {
  constexpr std::array<std::string_view, kStopReasons> kNames = {"policy", "max_exit", "deadline",
                                                                 "forced_exit", "handed_on"};
  return kNames[static_cast<std::size_t>(reason)];
}

Result BatchResult::at(std::size_t sample) const {
  Result out;
  out.label = static_cast<std::size_t>(labels[sample]);
  out.exit = static_cast<std::size_t>(exits[sample]);
  out.stopped_by = stopped_by[sample];
  out.schedule = schedule;
  out.adapted = adapted;
  if (audited(sample)) out.audit_label = static_cast<std::size_t>(audit_labels[sample]);
  out.probabilities = slice(probabilities, sample * num_classes, num_classes);
  out.scores = slice(scores, sample * num_exits, out.exit + 1);
  out.logits = slice(logits, sample * num_exits * num_classes, (out.exit + 1) * num_classes);
  if (!explanations.empty()) out.explanations = explanations[sample];
  if (!handoffs.empty()) out.handoff = handoffs[sample];
  out.segment_ms = slice(segment_ms, 0, out.exit + 1 - first_exit);
  out.latency_ms = latency_ms;
  out.backend_ms = backend_ms;
  return out;
}

}  // namespace eenet
