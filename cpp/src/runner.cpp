#include "eenet/runner.h"

#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "eenet/error.h"

#include "util/finite.h"
#include "util/text.h"

namespace eenet {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::vector<std::int64_t> resolve(const TensorSpec& spec,
                                  const std::vector<std::int64_t>& symbol_values) {
  std::vector<std::int64_t> shape;
  for (const Dim& dim : spec.shape) {
    shape.push_back(dim.symbol ? symbol_values[*dim.symbol] : dim.size);
  }
  return shape;
}

std::size_t count_elements(std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  for (const std::int64_t dim : shape) count *= static_cast<std::size_t>(dim);
  return count;
}

[[noreturn]] void refuse(const TensorSpec& spec, const std::string& complaint) {
  throw Error(ErrorCode::kInput, cat("input ", quote_name(spec.name), ": ", complaint));
}

/// Names the first value that made all_finite() fail, by its indices without the batch axis.
[[noreturn]] void refuse_value(const TensorSpec& spec, std::span<const float> values,
                               std::span<const std::int64_t> shape) {
  std::size_t at = 0;
  while (all_finite(values.subspan(at, 1))) ++at;
  const float value = values[at];
  std::vector<std::size_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; at /= static_cast<std::size_t>(shape[i])) {
    index[i] = at % static_cast<std::size_t>(shape[i]);
  }
  refuse(spec, cat(value, " came at index (", join(index), "), finite numbers expected"));
}

/// How an input's shape reads in a message, as `(3, 32, 32)` or `(tokens <= 512)`.
/// @param values Per symbol; 0 until an input decides it.
std::string expected_shape(const Manifest& manifest, const TensorSpec& spec,
                           const std::vector<std::int64_t>& values) {
  const auto text = [&](const Dim& dim) {
    if (!dim.symbol) return cat(dim.size);
    const Symbol& symbol = manifest.symbols[*dim.symbol];
    const std::int64_t decided = values[*dim.symbol];
    return decided == 0 ? cat(symbol.name, " <= ", symbol.max) : cat(symbol.name, " = ", decided);
  };
  std::vector<std::string> dims;
  for (const Dim& dim : std::span(spec.shape).subspan(1)) dims.push_back(text(dim));
  return cat("(", join(dims), ")");
}

/// Refuses an input that is not of its tensor's dtype and shape, and notes the sizes of the
/// symbolic dimensions it decides.
/// @param values Per symbol; 0 until an input decides it.
void match(const Manifest& manifest, const TensorSpec& spec, const TensorView& input,
           std::vector<std::int64_t>& values) {
  if (input.dtype != spec.dtype) {
    refuse(spec, cat(dtype_name(input.dtype), " came, ", dtype_name(spec.dtype), " expected"));
  }
  bool fits = input.shape.size() + 1 == spec.shape.size();
  for (std::size_t i = 0; fits && i < input.shape.size(); ++i) {
    const Dim& dim = spec.shape[i + 1];
    const std::int64_t size = input.shape[i];
    if (dim.symbol && values[*dim.symbol] == 0) {
      fits = size >= 1 && size <= manifest.symbols[*dim.symbol].max;
      if (fits) values[*dim.symbol] = size;
    } else {
      fits = size == (dim.symbol ? values[*dim.symbol] : dim.size);
    }
  }
  if (!fits) {
    refuse(spec,
           cat("shape (", join(input.shape), ") came, ", expected_shape(manifest, spec, values),
               " expected: one sample, without a batch axis"));
  }
}

}  // namespace

Runner::Runner(std::shared_ptr<const Model> model)
    : model_(std::move(model)),
      state_(model_->manifest().num_exits(), model_->manifest().num_classes()) {
  const Manifest& manifest = model_->manifest();
  // The largest sample there may be, so that no later one needs more memory.
  std::vector<std::int64_t> largest;
  for (const Symbol& symbol : manifest.symbols) largest.push_back(symbol.max);
  largest[manifest.batch_symbol] = 1;
  for (const TensorSpec& spec : manifest.tensors) {
    const std::size_t bytes = count_elements(resolve(spec, largest)) * dtype_size(spec.dtype);
    try {
      buffers_.emplace_back(bytes);
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::kBackend,
                  cat("tensor ", quote_name(spec.name), ": no memory for its ", bytes, " bytes"));
    }
  }
  bind(std::move(largest));
}

void Runner::bind(std::vector<std::int64_t> symbol_values) {
  const Manifest& manifest = model_->manifest();
  const auto bound = [&](const std::vector<std::size_t>& tensors) {
    std::vector<BoundTensor> out;
    for (const std::size_t i : tensors) {
      const TensorSpec& spec = manifest.tensors[i];
      out.push_back({spec.name, spec.dtype, resolve(spec, symbol_values), buffers_[i].data()});
    }
    return out;
  };
  std::vector<std::unique_ptr<Binding>> bindings;
  for (std::size_t k = 0; k < manifest.num_exits(); ++k) {
    const SegmentSpec& spec = manifest.segments[k];
    bindings.push_back(model_->segments()[k]->bind(bound(spec.inputs), bound(spec.outputs)));
  }
  bindings_ = std::move(bindings);
  symbol_values_ = std::move(symbol_values);
}

Result Runner::run(std::span<const TensorView> inputs, const RunOptions& options) {
  const auto start = Clock::now();
  check_options(inputs.size(), options);
  load_inputs(inputs);
  Result result;
  state_.begin(options.policy);
  advance(options, result);
  const std::span<const float> probabilities = state_.probabilities();
  result.probabilities.assign(probabilities.begin(), probabilities.end());
  result.label = state_.label();
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

void Runner::load_inputs(std::span<const TensorView> inputs) {
  const Manifest& manifest = model_->manifest();
  std::vector<std::int64_t> symbol_values(manifest.symbols.size());
  symbol_values[manifest.batch_symbol] = 1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    match(manifest, manifest.tensors[manifest.inputs[i]], inputs[i], symbol_values);
  }
  if (symbol_values != symbol_values_) bind(std::move(symbol_values));
  for (std::size_t i = 0; i < inputs.size(); ++i) copy_input(manifest.inputs[i], inputs[i]);
}

void Runner::copy_input(std::size_t tensor, const TensorView& input) {
  const TensorSpec& spec = model_->manifest().tensors[tensor];
  const std::size_t count = count_elements(input.shape);
  std::byte* const buffer = buffers_[tensor].data();
  std::memcpy(buffer, input.data, count * dtype_size(spec.dtype));
  if (spec.dtype != DType::kFloat32) return;
  // Checked here rather than at the source, which may not be aligned.
  const std::span<const float> values(reinterpret_cast<const float*>(buffer), count);
  if (!all_finite(values)) refuse_value(spec, values, input.shape);
}

void Runner::advance(const RunOptions& options, Result& result) {
  const Manifest& manifest = model_->manifest();
  const std::size_t last = options.forced_exit.value_or(manifest.num_exits() - 1);
  Clock::duration in_backend{};
  for (std::size_t k = 0; k <= last; ++k) {
    const auto start = Clock::now();
    bindings_[k]->run();
    in_backend += Clock::now() - start;
    const std::byte* const buffer = buffers_[manifest.segments[k].exit].data();
    const std::span<const float> logits(reinterpret_cast<const float*>(buffer),
                                        manifest.num_classes());
    if (options.return_logits) {
      result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    }
    // At full depth the exits on the way have no say, and so nothing to be wrong about.
    if (options.policy == nullptr && k < last) continue;
    const ExitState::Step step = state_.step(k, logits);
    if (options.policy != nullptr) result.scores.push_back(step.score);
    result.exit = k;
    if (step.accept && !options.forced_exit) break;
  }
  result.backend_ms = milliseconds(in_backend);
}

}  // namespace eenet
