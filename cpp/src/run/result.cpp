#include "eenet/result.h"

#include <algorithm>
#include <array>

#include "eenet/tensor.h"

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

Answers select_answers(const Answers& from, std::span<const std::size_t> samples) {
  Answers out;
  out.num_classes = from.num_classes;
  out.num_values = from.num_values;
  out.labels = rows(from.labels, samples);
  out.probabilities = rows(from.probabilities, samples, from.num_classes);
  out.values = rows(from.values, samples, from.num_values);
  return out;
}

}  // namespace

std::size_t ExitOutputs::output_offset(std::size_t exit) const noexcept {
  std::size_t offset = 0;
  for (std::size_t k = 0; k < exit && k < output_shapes.size(); ++k) {
    for (const std::vector<std::int64_t>& shape : output_shapes[k]) offset += count_elements(shape);
  }
  return offset;
}

std::string_view stop_reason_name(StopReason reason) {
  constexpr std::array<std::string_view, kStopReasons> kNames = {"policy", "max_exit", "deadline",
                                                                 "forced_exit", "handed_on"};
  return kNames[static_cast<std::size_t>(reason)];
}

Result BatchResult::at(std::size_t sample) const {
  Result out;
  if (!labels.empty()) out.label = static_cast<std::size_t>(labels[sample]);
  out.exit = static_cast<std::size_t>(exits[sample]);
  out.stopped_by = stopped_by[sample];
  out.schedule = schedule;
  out.adapted = adapted;
  if (audited(sample)) {
    out.audit_agrees = audit_agrees[sample] == 1;
    if (!labels.empty()) out.audit_label = static_cast<std::size_t>(audits.labels[sample]);
    out.audit_value = slice(audits.values, sample * num_values, num_values);
  }
  out.probabilities = slice(probabilities, sample * num_classes, num_classes);
  out.value = slice(values, sample * num_values, num_values);
  out.scores = slice(scores, sample * num_exits, out.exit + 1);
  if (!outputs.empty()) {
    out.output_shapes = slice(output_shapes, 0, out.exit + 1);
    out.outputs = slice(outputs, sample * output_offset(num_exits), output_offset(out.exit + 1));
  }
  if (!explanations.empty()) out.explanations = explanations[sample];
  if (!handoffs.empty()) out.handoff = handoffs[sample];
  out.segment_ms = slice(segment_ms, 0, out.exit + 1 - first_exit);
  out.latency_ms = latency_ms;
  out.backend_ms = backend_ms;
  return out;
}

BatchResult BatchResult::select(std::span<const std::size_t> samples) const {
  BatchResult out;
  static_cast<Answers&>(out) = select_answers(*this, samples);
  out.output_shapes = output_shapes;
  out.outputs = rows(outputs, samples, output_offset(num_exits));
  out.num_exits = num_exits;
  out.first_exit = first_exit;
  out.exits = rows(exits, samples);
  out.stopped_by = rows(stopped_by, samples);
  out.schedule = schedule;
  out.adapted = adapted;
  out.audit_agrees = rows(audit_agrees, samples);
  out.audits = select_answers(audits, samples);
  out.handoffs = rows(handoffs, samples);
  out.scores = rows(scores, samples, num_exits);
  out.explanations = rows(explanations, samples);
  out.segment_ms = segment_ms;
  out.latency_ms = latency_ms;
  out.backend_ms = backend_ms;
  return out;
}

void put_answer(const ExitState& state, std::size_t sample, std::size_t exit, StopReason reason,
                BatchResult& result) {
  state.readout().put_answer(sample, result);
  result.exits[sample] = static_cast<std::int64_t>(exit);
  result.stopped_by[sample] = reason;
  if (result.scores.empty()) return;
  std::ranges::copy(state.scores(exit), result.scores.data() + sample * result.num_exits);
}

std::span<float> outputs_of(BatchResult& result, std::size_t sample, std::size_t begin,
                            std::size_t end) {
  if (result.outputs.empty()) return {};
  const std::size_t first = sample * result.output_offset(result.num_exits);
  const std::size_t from = result.output_offset(begin);
  return std::span(result.outputs).subspan(first + from, result.output_offset(end) - from);
}

void put_times(BatchResult& result) {
  for (auto& explanations : result.explanations) {
    for (ExitExplanation& each : explanations) {
      each.time_ms = result.segment_ms[each.exit - result.first_exit];
    }
  }
}

}  // namespace eenet
