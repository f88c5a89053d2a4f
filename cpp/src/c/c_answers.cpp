#include "c/c_answers.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "eenet/error.h"
#include "eenet/tensor.h"

#include "util/text.h"

namespace eenet::c {
namespace {

void check_index(const char* what, std::size_t index, std::size_t size) {
  if (index < size) return;
  throw Error(ErrorCode::kInput, cat(what, ": ", index, " came, below ", size, " expected"));
}

/// Where numbers are, and how many; NULL for none.
template <typename T>
void point(const T*& data, std::size_t& size, const std::vector<T>& values) {
  data = values.empty() ? nullptr : values.data();
  size = values.size();
}

}  // namespace

const Result& result_of(const eenet_answers& answers, std::size_t sample) {
  check_index("sample", sample, answers.results.size());
  return answers.results[sample];
}

eenet_answer describe(const Result& result) {
  eenet_answer out{};
  const bool classes = !result.probabilities.empty();
  out.label = classes ? static_cast<std::int64_t>(result.label) : -1;
  out.probability = classes ? static_cast<double>(result.probabilities[result.label])
                            : std::numeric_limits<double>::quiet_NaN();
  point(out.probabilities, out.num_probabilities, result.probabilities);
  point(out.values, out.num_values, result.value);
  out.exit = static_cast<std::int64_t>(result.exit);
  out.stopped_by = static_cast<std::int64_t>(result.stopped_by);
  out.schedule = result.schedule ? static_cast<std::int64_t>(*result.schedule) : -1;
  out.adapted = result.adapted ? 1 : 0;
  point(out.scores, out.num_scores, result.scores);
  out.handoff = result.handoff.empty() ? nullptr : result.handoff.data();
  out.handoff_size = result.handoff.size();
  point(out.segment_ms, out.num_segments, result.segment_ms);
  out.latency_ms = result.latency_ms;
  out.backend_ms = result.backend_ms;
  return out;
}

eenet_output output_of(const Result& result, std::size_t exit, std::size_t tensor) {
  if (result.output_shapes.empty()) {
    throw Error(ErrorCode::kInput, "outputs: none were kept, return_outputs expected in the call");
  }
  check_index("exit", exit, result.output_shapes.size());
  const auto& shapes = result.output_shapes[exit];
  check_index("tensor", tensor, shapes.size());
  std::size_t offset = result.output_offset(exit);
  for (std::size_t i = 0; i < tensor; ++i) offset += count_elements(shapes[i]);
  return {shapes[tensor].size(), shapes[tensor].data(), result.outputs.data() + offset};
}

void put_answers(std::vector<Result> results, eenet_answers** answers) {
  if (*answers == nullptr) *answers = std::make_unique<eenet_answers>().release();
  (*answers)->results = std::move(results);
}

}  // namespace eenet::c
