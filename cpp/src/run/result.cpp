#include "eenet/result.h"

#include <algorithm>
#include <array>
#include <limits>

#include "run/batch_answers.h"

namespace eenet {
namespace {

/// Part of an array; empty if the array is.
template <typename T>
std::vector<T> slice(const std::vector<T>& values, std::size_t start, std::size_t count) {
  if (values.empty()) return {};
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(start);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

/// Rows of an array, each of so many values; empty if the array is.
template <typename T>
std::vector<T> rows(const std::vector<T>& values, std::span<const std::size_t> chosen,
                    std::size_t width = 1) {
  std::vector<T> out;
  if (values.empty()) return out;
  out.reserve(chosen.size() * width);
  for (const std::size_t row : chosen) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  return out;
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

BatchResult BatchResult::select(std::span<const std::size_t> samples) const {
  BatchResult out;
  out.num_exits = num_exits;
  out.num_classes = num_classes;
  out.first_exit = first_exit;
  out.labels = rows(labels, samples);
  out.exits = rows(exits, samples);
  out.stopped_by = rows(stopped_by, samples);
  out.schedule = schedule;
  out.adapted = adapted;
  out.audit_labels = rows(audit_labels, samples);
  out.handoffs = rows(handoffs, samples);
  out.probabilities = rows(probabilities, samples, num_classes);
  out.scores = rows(scores, samples, num_exits);
  out.logits = rows(logits, samples, num_exits * num_classes);
  out.explanations = rows(explanations, samples);
  out.segment_ms = segment_ms;
  out.latency_ms = latency_ms;
  out.backend_ms = backend_ms;
  return out;
}

BatchResult make_result(const Manifest& manifest, std::size_t samples, std::size_t first_exit,
                        const RunOptions& options) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  BatchResult result;
  result.num_exits = manifest.num_exits();
  result.num_classes = manifest.num_classes();
  result.first_exit = first_exit;
  result.labels.resize(samples);
  result.exits.resize(samples);
  result.stopped_by.resize(samples);
  result.probabilities.resize(samples * result.num_classes);
  const std::size_t exits = samples * result.num_exits;
  if (options.policy != nullptr) result.scores.resize(exits, kNone);
  // A hand-off takes them along.
  if (options.return_logits || manifest.hands_on()) {
    result.logits.resize(exits * result.num_classes, kNone);
  }
  if (manifest.hands_on()) result.handoffs.resize(samples);
  if (options.explain) result.explanations.resize(samples);
  if (options.audits != nullptr) result.audit_labels.resize(samples, kNotAudited);
  result.segment_ms.reserve(result.num_exits);
  return result;
}

void put_answer(const ExitState& state, std::size_t sample, std::size_t exit, StopReason reason,
                BatchResult& result) {
  state.readout().put_answer(sample, result);
  result.exits[sample] = static_cast<std::int64_t>(exit);
  result.stopped_by[sample] = reason;
  if (result.scores.empty()) return;
  std::ranges::copy(state.scores(exit), result.scores.data() + sample * result.num_exits);
}

std::span<float> logits_of(BatchResult& result, std::size_t sample, std::size_t exit) {
  return std::span(result.logits)
      .subspan((sample * result.num_exits + exit) * result.num_classes, result.num_classes);
}

void put_times(BatchResult& result) {
  for (auto& explanations : result.explanations) {
    for (ExitExplanation& each : explanations) {
      each.time_ms = result.segment_ms[each.exit - result.first_exit];
    }
  }
}

}  // namespace eenet
