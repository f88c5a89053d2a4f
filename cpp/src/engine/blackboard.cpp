#include "engine/blackboard.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "eenet/error.h"

#include "bundle/manifest_text.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

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

std::vector<std::vector<std::size_t>> find_live(const Manifest& manifest) {
  std::vector<std::vector<std::size_t>> live;
  for (std::size_t exit = manifest.first_exit(); exit < manifest.end_exit(); ++exit) {
    live.push_back(live_tensors(manifest, exit + 1));
  }
  return live;
}

/// Which tensors the host has nothing to do with: they are neither inputs nor what an exit puts
/// out, and travel to no other machine.
std::vector<bool> find_hidden(const Manifest& manifest) {
  std::vector<bool> hidden(manifest.tensors.size(), true);
  for (const std::size_t input : manifest.inputs) hidden[input] = false;
  for (const SegmentSpec& segment : manifest.segments) {
    for (const std::size_t output : segment.exit) hidden[output] = false;
  }
  if (!manifest.hands_on()) return hidden;
  for (const std::size_t tensor : manifest.slice->live) hidden[tensor] = false;
  return hidden;
}

template <typename T>
void fill_ones(std::span<std::byte> tensor) {
  std::fill_n(reinterpret_cast<T*>(tensor.data()), tensor.size() / sizeof(T), T{1});
}

void fill_blank(DType dtype, std::span<std::byte> tensor) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kFloat16:
      std::memset(tensor.data(), 0, tensor.size());
      break;
    case DType::kInt64:
      fill_ones<std::int64_t>(tensor);
      break;
    case DType::kInt32:
      fill_ones<std::int32_t>(tensor);
      break;
    case DType::kUInt8:
      fill_ones<std::uint8_t>(tensor);
      break;
  }
}

void keep_rows(std::byte* data, std::span<const std::size_t> rows, std::size_t row_bytes) {
  for (std::size_t to = 0; to < rows.size(); ++to) {
    // Rows only move to the front, each over one that has left or has moved before.
    if (rows[to] != to) std::memcpy(data + to * row_bytes, data + rows[to] * row_bytes, row_bytes);
  }
}

}  // namespace

Blackboard::Blackboard(const Model& model)
    : model_(model),
      live_(find_live(model.manifest())),
      hidden_(find_hidden(model.manifest())),
      symbol_values_(largest_sample(model.manifest())),
      buffers_(model.manifest().tensors.size()),
      device_buffers_(buffers_.size()),
      bound_(model.manifest().segments.size()) {
  reserve(1);
  const Manifest& manifest = model.manifest();
  for (std::size_t k = manifest.first_exit(); k < manifest.end_exit(); ++k) bind(k);
}

void Blackboard::reserve(std::size_t samples) {
  const Manifest& manifest = model_.manifest();
  if (samples <= capacity_) return;
  for (BoundSegment& each : bound_) each = {};
  capacity_ = 0;  // Until all buffers are there.
  // For the largest samples there may be, so that no later ones need more memory.
  const std::vector<std::int64_t> largest = largest_sample(manifest);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    reserve(i, samples * row_bytes(manifest.tensors[i], largest));
  }
  capacity_ = samples;
}

void Blackboard::reserve(std::size_t tensor, std::size_t bytes) {
  if (hidden_[tensor]) {
    device_buffers_[tensor].reset();  // Before the next one: devices have little memory.
    device_buffers_[tensor] =
        model_.backend().allocate(model_.manifest().tensors[tensor].dtype, bytes);
    if (device_buffers_[tensor]) return;
  }
  try {
    buffers_[tensor] = AlignedBuffer(bytes);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kBackend,
                cat("tensor ", quote_name(model_.manifest().tensors[tensor].name),
                    ": no memory for its ", bytes, " bytes"));
  }
}

std::size_t Blackboard::load(std::span<const TensorView> inputs, InputLayout layout) {
  const Manifest& manifest = model_.manifest();
  if (inputs.size() != manifest.inputs.size()) {
    throw Error(ErrorCode::kInput,
                cat("inputs: ", inputs.size(), " came, ", manifest.inputs.size(), " expected"));
  }
  std::fill(symbol_values_.begin(), symbol_values_.end(), 0);
  if (layout == InputLayout::kSample) symbol_values_[manifest.batch_symbol] = 1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = manifest.tensors[manifest.inputs[i]];
    match_input(manifest, spec, inputs[i], layout, symbol_values_);
  }
  const auto samples = static_cast<std::size_t>(symbol_values_[manifest.batch_symbol]);
  reserve(samples);
  for (std::size_t i = 0; i < inputs.size(); ++i) copy_input(manifest.inputs[i], inputs[i]);
  return samples;
}

void Blackboard::copy_input(std::size_t tensor, const TensorView& input) {
  const Manifest& manifest = model_.manifest();
  const TensorSpec& spec = manifest.tensors[tensor];
  const auto samples = static_cast<std::size_t>(symbol_values_[manifest.batch_symbol]);
  const std::size_t bytes = samples * row_bytes(spec, symbol_values_);
  std::byte* const buffer = buffers_[tensor].data();
  std::memcpy(buffer, input.data, bytes);
  // Checked here rather than at the source, which may not be aligned.
  check_finite(spec, {buffer, bytes}, input.shape);
}

void Blackboard::load(const Handoff& handoff) {
  const Manifest& manifest = model_.manifest();
  const std::vector<std::size_t> live = live_tensors(manifest, handoff.next_exit);
  std::fill(symbol_values_.begin(), symbol_values_.end(), 0);
  symbol_values_[manifest.batch_symbol] = 1;
  in_context("hand-off", [&] {
    if (handoff.tensors.size() != live.size()) {
      throw Error(ErrorCode::kInput, cat(handoff.tensors.size(), " tensors came, ", live.size(),
                                         " expected before exit ", handoff.next_exit));
    }
    for (std::size_t i = 0; i < live.size(); ++i) {
      const HandoffTensor& tensor = handoff.tensors[i];
      const TensorSpec& spec = manifest.tensors[live[i]];
      if (tensor.name != spec.name) {
        throw Error(ErrorCode::kInput, cat("tensor ", quote_name(tensor.name), " came, ",
                                           quote_name(spec.name), " expected"));
      }
      const TensorView view{tensor_dtype(tensor.transport), tensor.shape, nullptr};
      match_input(manifest, spec, view, InputLayout::kSample, symbol_values_);
      take(live[i], tensor);
    }
    check_decided(handoff.next_exit);
  });
}

void Blackboard::take(std::size_t tensor, const HandoffTensor& arrived) {
  DeviceBuffer* const device = device_buffers_[tensor].get();
  if (device == nullptr) {
    unpack(arrived, buffers_[tensor].data());
    return;
  }
  const std::size_t bytes = row_bytes(model_.manifest().tensors[tensor], symbol_values_);
  const AlignedBuffer unpacked(bytes);
  unpack(arrived, unpacked.data());
  device->write({unpacked.data(), bytes});
}

/// Cuts are made where the live tensors say how large all later ones are; a hand-off that comes
/// from elsewhere need not know.
void Blackboard::check_decided(std::size_t exit) const {
  const Manifest& manifest = model_.manifest();
  for (std::size_t k = exit; k < manifest.end_exit(); ++k) {
    for (const std::size_t output : manifest.segment(k).outputs) {
      const TensorSpec& spec = manifest.tensors[output];
      for (const Dim& dim : spec.shape) {
        if (!dim.symbol || symbol_values_[*dim.symbol] > 0) continue;
        throw Error(ErrorCode::kConfiguration,
                    cat("tensor ", quote_name(spec.name), ": no live tensor before exit ", exit,
                        " says its dimension ", quote_name(manifest.symbols[*dim.symbol].name)));
      }
    }
  }
}

std::vector<HandoffTensor> Blackboard::hand_on(std::size_t exit, std::size_t row, bool half) {
  const Manifest& manifest = model_.manifest();
  std::vector<HandoffTensor> out;
  halves_.clear();
  for (const std::size_t tensor : live_[place(exit)]) {
    const TensorSpec& spec = manifest.tensors[tensor];
    const std::size_t bytes = row_bytes(spec, symbol_values_);
    const std::byte* const data = buffers_[tensor].data() + row * bytes;
    HandoffTensor& each = out.emplace_back();
    each.name = spec.name;
    each.data = {data, bytes};
    for (const Dim& dim : std::span(spec.shape).subspan(1)) {
      each.shape.push_back(resolve(dim, symbol_values_));
    }
    each.transport = transport_of(spec.dtype);
    if (half && spec.dtype == DType::kFloat32) {
      const auto* const values = reinterpret_cast<const float*>(data);
      halves_.push_back(to_half(spec.name, {values, bytes / sizeof(float)}));
      each.transport = Transport::kRounded;
      each.data = std::as_bytes(std::span(halves_.back()));
    }
  }
  return out;
}

void Blackboard::load_blank() {
  const Manifest& manifest = model_.manifest();
  symbol_values_ = largest_sample(manifest);
  for (const std::size_t input : manifest.inputs) {
    const TensorSpec& spec = manifest.tensors[input];
    std::byte* const data = buffers_[input].data();
    const std::size_t bytes = row_bytes(spec, symbol_values_);
    fill_blank(spec.dtype, {data, bytes});
  }
}

void Blackboard::bind(std::size_t exit) {
  const Manifest& manifest = model_.manifest();
  const auto tensors = [&](const std::vector<std::size_t>& indices) {
    std::vector<BoundTensor> out;
    for (const std::size_t i : indices) {
      const TensorSpec& spec = manifest.tensors[i];
      const DeviceBuffer* const device = device_buffers_[i].get();
      void* const data = device != nullptr ? device->data() : buffers_[i].data();
      out.push_back({spec.name, spec.dtype, {}, data, device != nullptr});
      for (const Dim& dim : spec.shape) out.back().shape.push_back(resolve(dim, symbol_values_));
    }
    return out;
  };
  const SegmentSpec& spec = manifest.segment(exit);
  const Segment& segment = *model_.segments()[place(exit)];
  auto binding = segment.bind(tensors(spec.inputs), tensors(spec.outputs), stop_.get_token());
  BoundSegment& bound = bound_[place(exit)];
  bound = {symbol_values_, std::move(binding), output_shapes(exit), {}};
  for (std::size_t i = 0; i < spec.exit.size(); ++i) {
    const std::size_t bytes = row_bytes(manifest.tensors[spec.exit[i]], symbol_values_);
    const auto* const rows = reinterpret_cast<const float*>(buffers_[spec.exit[i]].data());
    bound.outputs.push_back({{rows, bytes / sizeof(float)}, bound.shapes[i]});
  }
}

void Blackboard::recover() {
  if (!stop_.stop_requested()) return;
  for (BoundSegment& each : bound_) each = {};
  stop_ = std::stop_source();
}

void Blackboard::run_segment(std::size_t exit) {
  if (stop_.stop_requested()) throw Error(ErrorCode::kCancelled, "the call was cancelled");
  if (bound_[place(exit)].symbol_values != symbol_values_) bind(exit);
  bound_[place(exit)].binding->run();
}

ExitOutput Blackboard::outputs(std::size_t exit, std::size_t row) {
  const std::vector<std::size_t>& tensors = model_.manifest().segment(exit).exit;
  std::vector<ExitTensor>& outputs = bound_[place(exit)].outputs;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto* const rows = reinterpret_cast<const float*>(buffers_[tensors[i]].data());
    const std::size_t size = outputs[i].values.size();
    outputs[i].values = {rows + row * size, size};
  }
  return outputs;
}

std::vector<std::vector<std::int64_t>> Blackboard::output_shapes(std::size_t exit) const {
  const Manifest& manifest = model_.manifest();
  std::vector<std::vector<std::int64_t>> shapes;
  for (const std::size_t output : manifest.segment(exit).exit) {
    std::vector<std::int64_t>& shape = shapes.emplace_back();
    for (const Dim& dim : std::span(manifest.tensors[output].shape).subspan(1)) {
      shape.push_back(resolve(dim, symbol_values_));
    }
  }
  return shapes;
}

void Blackboard::keep(std::size_t exit, std::span<const std::size_t> rows) {
  const Manifest& manifest = model_.manifest();
  for (const std::size_t tensor : live_[place(exit)]) {
    const std::size_t bytes = row_bytes(manifest.tensors[tensor], symbol_values_);
    if (device_buffers_[tensor]) {
      device_buffers_[tensor]->keep_rows(rows, bytes);
    } else {
      keep_rows(buffers_[tensor].data(), rows, bytes);
    }
  }
  symbol_values_[manifest.batch_symbol] = static_cast<std::int64_t>(rows.size());
}

}  // namespace eenet
