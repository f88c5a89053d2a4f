#include "eenet/runner.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <string>
#include <utility>

#include "eenet/error.h"

#include "inputs.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::int64_t resolve(const Dim& dim, const std::vector<std::int64_t>& symbol_values) {
  return dim.symbol ? symbol_values[*dim.symbol] : dim.size;
}

std::size_t row_bytes(const TensorSpec& spec, const std::vector<std::int64_t>& symbol_values) {
  std::size_t bytes = dtype_size(spec.dtype);
  for (const Dim& dim : std::span(spec.shape).subspan(1)) {
    bytes *= static_cast<std::size_t>(resolve(dim, symbol_values));
  }
  return bytes;
}

std::vector<std::int64_t> largest_sample(const Manifest& manifest) {
  std::vector<std::int64_t> values;
  for (const Symbol& symbol : manifest.symbols) values.push_back(symbol.max);
  values[manifest.batch_symbol] = 1;
  return values;
}

/// Tensors that exist after each segment and that a later one reads.
std::vector<std::vector<std::size_t>> find_live(const Manifest& manifest) {
  std::vector<std::vector<std::size_t>> live(manifest.num_exits());
  std::vector<std::size_t> there = manifest.inputs;
  for (std::size_t k = 0; k < live.size(); ++k) {
    const std::vector<std::size_t>& outputs = manifest.segments[k].outputs;
    there.insert(there.end(), outputs.begin(), outputs.end());
    const auto later = std::span(manifest.segments).subspan(k + 1);
    for (const std::size_t tensor : there) {
      const bool read = std::any_of(later.begin(), later.end(), [tensor](const SegmentSpec& each) {
        return std::find(each.inputs.begin(), each.inputs.end(), tensor) != each.inputs.end();
      });
      if (read) live[k].push_back(tensor);
    }
  }
  return live;
}

/// The result of samples that have yet to be computed.
BatchResult make_result(const Manifest& manifest, std::size_t samples, const RunOptions& options) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  BatchResult result;
  result.num_exits = manifest.num_exits();
  result.num_classes = manifest.num_classes();
  result.labels.resize(samples);
  result.exits.resize(samples);
  result.probabilities.resize(samples * result.num_classes);
  const std::size_t exits = samples * result.num_exits;
  if (options.policy != nullptr) result.scores.resize(exits, kNone);
  if (options.return_logits) result.logits.resize(exits * result.num_classes, kNone);
  return result;
}

/// Copies what a sample leaves with.
void take_answer(const ExitState& state, std::size_t sample, std::size_t exit,
                 BatchResult& result) {
  const std::span<const float> probabilities = state.probabilities();
  result.labels[sample] = static_cast<std::int64_t>(state.label());
  result.exits[sample] = static_cast<std::int64_t>(exit);
  std::copy(probabilities.begin(), probabilities.end(),
            result.probabilities.data() + sample * result.num_classes);
  if (result.scores.empty()) return;
  const std::span<const float> scores = state.scores(exit);
  std::copy(scores.begin(), scores.end(), result.scores.data() + sample * result.num_exits);
}

}  // namespace

Runner::Runner(std::shared_ptr<const Model> model)
    : model_(std::move(model)),
      live_(find_live(model_->manifest())),
      symbol_values_(largest_sample(model_->manifest())),
      buffers_(model_->manifest().tensors.size()),
      bound_(model_->manifest().num_exits()) {
  reserve(1);
  for (std::size_t k = 0; k < bound_.size(); ++k) bind(k);
}

void Runner::reserve(std::size_t samples) {
  const Manifest& manifest = model_->manifest();
  if (samples <= states_.size()) return;
  for (BoundSegment& each : bound_) each = {};
  // For the largest samples there may be, so that no later ones need more memory.
  const std::vector<std::int64_t> largest = largest_sample(manifest);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const TensorSpec& spec = manifest.tensors[i];
    const std::size_t bytes = samples * row_bytes(spec, largest);
    try {
      buffers_[i] = AlignedBuffer(bytes);
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::kBackend,
                  cat("tensor ", quote_name(spec.name), ": no memory for its ", bytes, " bytes"));
    }
  }
  in_flight_.reserve(samples);
  staying_.reserve(samples);
  // Last: its size says what the rest is made for.
  states_.resize(samples, ExitState(manifest.num_exits(), manifest.num_classes()));
}

Result Runner::run(std::span<const TensorView> inputs, const RunOptions& options) {
  return compute(inputs, options, InputLayout::kSample).at(0);
}

BatchResult Runner::run_batch(std::span<const TensorView> inputs, const RunOptions& options) {
  return compute(inputs, options, InputLayout::kBatch);
}

BatchResult Runner::compute(std::span<const TensorView> inputs, const RunOptions& options,
                            InputLayout layout) {
  const auto start = Clock::now();
  const Manifest& manifest = model_->manifest();
  check_options(inputs.size(), options);
  load_inputs(inputs, layout);
  for (const std::size_t sample : in_flight_) states_[sample].begin(options.policy);
  BatchResult result = make_result(manifest, in_flight_.size(), options);
  const std::size_t last = options.forced_exit.value_or(manifest.num_exits() - 1);
  Clock::duration in_backend{};
  for (std::size_t k = 0; !in_flight_.empty(); ++k) {
    const auto entered = Clock::now();
    run_segment(k);
    in_backend += Clock::now() - entered;
    if (options.return_logits) copy_logits(k, result);
    // At full depth the exits on the way have no say, and so nothing to be wrong about.
    if (options.policy == nullptr && k < last) continue;
    decide(k, options, result);
    drop_leaving(k);
  }
  result.backend_ms = milliseconds(in_backend);
  result.latency_ms = milliseconds(Clock::now() - start);
  return result;
}

void Runner::check_options(std::size_t num_inputs, const RunOptions& options) const {
  const Manifest& manifest = model_->manifest();
  if (num_inputs != manifest.inputs.size()) {
    throw Error(ErrorCode::kInput,
                cat("inputs: ", num_inputs, " came, ", manifest.inputs.size(), " expected"));
  }
  if (options.policy != nullptr) {
    options.policy->check_network(manifest.num_exits(), manifest.num_classes());
  }
  if (options.forced_exit && *options.forced_exit >= manifest.num_exits()) {
    throw Error(ErrorCode::kInput, cat("forced_exit: ", *options.forced_exit, " came, 0 to ",
                                       manifest.num_exits() - 1, " expected"));
  }
}

void Runner::load_inputs(std::span<const TensorView> inputs, InputLayout layout) {
  const Manifest& manifest = model_->manifest();
  std::fill(symbol_values_.begin(), symbol_values_.end(), 0);
  std::int64_t& samples = symbol_values_[manifest.batch_symbol];
  if (layout == InputLayout::kSample) samples = 1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = manifest.tensors[manifest.inputs[i]];
    match_input(manifest, spec, inputs[i], layout, symbol_values_);
  }
  reserve(static_cast<std::size_t>(samples));
  for (std::size_t i = 0; i < inputs.size(); ++i) copy_input(manifest.inputs[i], inputs[i]);
  in_flight_.resize(static_cast<std::size_t>(samples));
  std::iota(in_flight_.begin(), in_flight_.end(), std::size_t{0});
}

void Runner::copy_input(std::size_t tensor, const TensorView& input) {
  const Manifest& manifest = model_->manifest();
  const TensorSpec& spec = manifest.tensors[tensor];
  const auto samples = static_cast<std::size_t>(symbol_values_[manifest.batch_symbol]);
  const std::size_t bytes = samples * row_bytes(spec, symbol_values_);
  std::byte* const buffer = buffers_[tensor].data();
  std::memcpy(buffer, input.data, bytes);
  if (spec.dtype != DType::kFloat32) return;
  // Checked here rather than at the source, which may not be aligned.
  check_finite(spec, {reinterpret_cast<const float*>(buffer), bytes / sizeof(float)}, input.shape);
}

void Runner::bind(std::size_t segment) {
  const Manifest& manifest = model_->manifest();
  const auto tensors = [&](const std::vector<std::size_t>& indices) {
    std::vector<BoundTensor> out;
    for (const std::size_t i : indices) {
      const TensorSpec& spec = manifest.tensors[i];
      out.push_back({spec.name, spec.dtype, {}, buffers_[i].data()});
      for (const Dim& dim : spec.shape) out.back().shape.push_back(resolve(dim, symbol_values_));
    }
    return out;
  };
  const SegmentSpec& spec = manifest.segments[segment];
  auto binding = model_->segments()[segment]->bind(tensors(spec.inputs), tensors(spec.outputs));
  bound_[segment] = {symbol_values_, std::move(binding)};
}

void Runner::run_segment(std::size_t segment) {
  if (bound_[segment].symbol_values != symbol_values_) bind(segment);
  bound_[segment].binding->run();
}

std::span<const float> Runner::logits(std::size_t exit, std::size_t row) const {
  const Manifest& manifest = model_->manifest();
  const std::byte* const buffer = buffers_[manifest.segments[exit].exit].data();
  const std::size_t classes = manifest.num_classes();
  return {reinterpret_cast<const float*>(buffer) + row * classes, classes};
}

void Runner::copy_logits(std::size_t exit, BatchResult& result) const {
  for (std::size_t row = 0; row < in_flight_.size(); ++row) {
    const std::span<const float> from = logits(exit, row);
    const std::size_t place = in_flight_[row] * result.num_exits + exit;
    std::copy(from.begin(), from.end(), result.logits.data() + place * result.num_classes);
  }
}

void Runner::decide(std::size_t exit, const RunOptions& options, BatchResult& result) {
  staying_.clear();
  for (std::size_t row = 0; row < in_flight_.size(); ++row) {
    const bool accepted = step(exit, row, result.size()).accept;
    if (options.forced_exit ? exit == *options.forced_exit : accepted) {
      take_answer(states_[in_flight_[row]], in_flight_[row], exit, result);
    } else {
      staying_.push_back(row);
    }
  }
}

ExitState::Step Runner::step(std::size_t exit, std::size_t row, std::size_t samples) {
  const std::size_t sample = in_flight_[row];
  const auto work = [&] { return states_[sample].step(exit, logits(exit, row)); };
  if (samples == 1) return work();
  return in_context([sample] { return cat("sample ", sample); }, work);
}

void Runner::drop_leaving(std::size_t exit) {
  const Manifest& manifest = model_->manifest();
  const std::size_t rows = staying_.size();
  if (rows == in_flight_.size()) return;
  for (const std::size_t tensor : live_[exit]) {
    std::byte* const data = buffers_[tensor].data();
    const std::size_t bytes = row_bytes(manifest.tensors[tensor], symbol_values_);
    for (std::size_t to = 0; to < rows; ++to) {
      // Rows only move to the front, each over one that has left or has moved before.
      if (staying_[to] != to) std::memcpy(data + to * bytes, data + staying_[to] * bytes, bytes);
    }
  }
  for (std::size_t to = 0; to < rows; ++to) in_flight_[to] = in_flight_[staying_[to]];
  in_flight_.resize(rows);
  symbol_values_[manifest.batch_symbol] = static_cast<std::int64_t>(rows);
}

}  // namespace eenet
