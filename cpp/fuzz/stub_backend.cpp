#include "stub_backend.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eenet/error.h"

#include "util/float16.h"

namespace eenet::fuzz {
namespace {

class StubBinding : public Binding {
 public:
  StubBinding(std::span<const BoundTensor> inputs, std::span<const BoundTensor> outputs)
      : inputs_(inputs.begin(), inputs.end()), outputs_(outputs.begin(), outputs.end()) {}

  void run() override {
    // So that a sanitizer sees whether all of the memory is there.
    for (const BoundTensor& tensor : inputs_) {
      const auto* const bytes = static_cast<const unsigned char*>(tensor.data);
      for (std::size_t i = 0; i < count_elements(tensor.shape) * dtype_size(tensor.dtype); ++i) {
        state_ += bytes[i];
      }
    }
    for (const BoundTensor& tensor : outputs_) {
      for (std::size_t i = 0; i < count_elements(tensor.shape); ++i) write(tensor, i);
    }
  }

 private:
  void write(const BoundTensor& tensor, std::size_t i) {
    state_ = state_ * 1103515245U + 12345U;
    const std::uint32_t number = state_ >> 16U & 15U;
    switch (tensor.dtype) {
      case DType::kFloat32:
        static_cast<float*>(tensor.data)[i] = static_cast<float>(number);
        break;
      case DType::kInt64:
        static_cast<std::int64_t*>(tensor.data)[i] = number;
        break;
      case DType::kFloat16:
        static_cast<std::uint16_t*>(tensor.data)[i] = to_float16(static_cast<float>(number));
        break;
      case DType::kInt32:
        static_cast<std::int32_t*>(tensor.data)[i] = static_cast<std::int32_t>(number);
        break;
      case DType::kUInt8:
        static_cast<std::uint8_t*>(tensor.data)[i] = static_cast<std::uint8_t>(number);
        break;
    }
  }

  std::vector<BoundTensor> inputs_;
  std::vector<BoundTensor> outputs_;
  std::uint32_t state_ = 1;
};

class StubSegment : public Segment {
 public:
  StubSegment(std::vector<Port> inputs, std::vector<Port> outputs)
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

  const std::vector<Port>& inputs() const noexcept override { return inputs_; }
  const std::vector<Port>& outputs() const noexcept override { return outputs_; }
  std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                std::span<const BoundTensor> outputs,
                                const std::stop_token& /*stop*/) const override {
    return std::make_unique<StubBinding>(inputs, outputs);
  }

 private:
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

class StubBackend : public Backend {
 public:
  explicit StubBackend(Manifest manifest) : manifest_(std::move(manifest)) {}

  std::string provider() const override { return "stub"; }
  std::string version() const override { return "stub"; }

  std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> /*bytes*/,
                                const OpenOptions& /*options*/) const override {
    for (const SegmentSpec& spec : manifest_.segments) {
      if (spec.onnx_file != name) continue;
      return std::make_unique<StubSegment>(ports(spec.inputs), ports(spec.outputs));
    }
    throw Error(ErrorCode::kBackend, "no such segment");
  }

 private:
  std::vector<Port> ports(const std::vector<std::size_t>& tensors) const {
    std::vector<Port> ports;
    for (const std::size_t index : tensors) {
      const TensorSpec& spec = manifest_.tensors[index];
      Port& port = ports.emplace_back();
      port.name = spec.name;
      port.dtype = dtype_name(spec.dtype);
      for (const Dim& dim : spec.shape) port.shape.push_back(dim.symbol ? -1 : dim.size);
    }
    return ports;
  }

  Manifest manifest_;
};

}  // namespace

std::shared_ptr<const Backend> stub_backend(Manifest manifest) {
  return std::make_shared<StubBackend>(std::move(manifest));
}

double elements_of(const Manifest& manifest) {
  double sum = 0;
  for (const TensorSpec& spec : manifest.tensors) {
    double product = 1;
    for (std::size_t i = 1; i < spec.shape.size(); ++i) {
      const Dim& dim = spec.shape[i];
      product *= static_cast<double>(dim.symbol ? manifest.symbols[*dim.symbol].max : dim.size);
    }
    sum += product;
  }
  return sum;
}

}  // namespace eenet::fuzz
