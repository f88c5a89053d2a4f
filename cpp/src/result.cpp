#include "eenet/result.h"

namespace eenet {
namespace {

/// Part of an array; empty if the array is.
std::vector<float> slice(const std::vector<float>& values, std::size_t start, std::size_t count) {
  if (values.empty()) return {};
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(start);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

Result BatchResult::at(std::size_t sample) const {
  Result out;
  out.label = static_cast<std::size_t>(labels[sample]);
  out.exit = static_cast<std::size_t>(exits[sample]);
  out.probabilities = slice(probabilities, sample * num_classes, num_classes);
  out.scores = slice(scores, sample * num_exits, out.exit + 1);
  out.logits = slice(logits, sample * num_exits * num_classes, (out.exit + 1) * num_classes);
  out.latency_ms = latency_ms;
  out.backend_ms = backend_ms;
  return out;
}

}  // namespace eenet
