#include "test_backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "eenet/options.h"

#include "bundle/manifest_text.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet::test {
namespace {

using nlohmann::json;

std::vector<Port> ports_of(const Manifest& manifest, const std::vector<std::size_t>& tensors) {
  std::vector<Port> ports;
  for (const std::size_t index : tensors) {
    const TensorSpec& spec = manifest.tensors[index];
    ports.push_back({spec.name, std::string(dtype_name(spec.dtype)), {}});
    for (const Dim& dim : spec.shape) ports.back().shape.push_back(dim.symbol ? -1 : dim.size);
  }
  return ports;
}

class FunctionBinding : public Binding {
 public:
  FunctionBinding(const SegmentFunction& function, std::span<const BoundTensor> inputs,
                  std::span<const BoundTensor> outputs)
      : function_(function),
        inputs_(inputs.begin(), inputs.end()),
        outputs_(outputs.begin(), outputs.end()) {}

  void run() override { function_(inputs_, outputs_); }

 private:
  const SegmentFunction& function_;
  std::vector<BoundTensor> inputs_;
  std::vector<BoundTensor> outputs_;
};

class FunctionSegment : public Segment {
 public:
  FunctionSegment(SegmentFunction function, std::vector<Port> inputs, std::vector<Port> outputs)
      : function_(std::move(function)), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

  const std::vector<Port>& inputs() const noexcept override { return inputs_; }
  const std::vector<Port>& outputs() const noexcept override { return outputs_; }
  std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                std::span<const BoundTensor> outputs,
                                const std::stop_token&) const override {
    return std::make_unique<FunctionBinding>(function_, inputs, outputs);
  }

 private:
  SegmentFunction function_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

/// Bytes of an ONNX model that says nothing but its version, a different one for each segment.
std::string onnx_file(std::size_t segment) {
  return {'\x08', static_cast<char>(segment + 1)};
}

std::string segment_name(std::size_t segment) {
  return cat("segment_", segment, ".onnx");
}

json segment_entry(std::size_t k) {
  json outputs = {cat("logits_", k)};
  if (k + 1 < EchoNetwork::kExits) outputs.push_back(cat("hidden_", k));
  return {{"files", {{"onnx", segment_name(k)}}},
          {"inputs", {k == 0 ? std::string("x") : cat("hidden_", k - 1)}},
          {"outputs", outputs},
          {"exit", {cat("logits_", k)}}};
}

json echo_manifest() {
  json tensors = {{"x", {{"dtype", "float32"}, {"shape", {"batch", 3, 3}}}}};
  json segments = json::array();
  std::vector<std::string> hashes;
  json files = json::object();
  for (std::size_t k = 0; k < EchoNetwork::kExits; ++k) {
    tensors[cat("logits_", k)] = {{"dtype", "float32"}, {"shape", {"batch", 3}}};
    if (k + 1 < EchoNetwork::kExits) {
      tensors[cat("hidden_", k)] = {{"dtype", "float32"}, {"shape", {"batch", 9}}};
    }
    segments.push_back(segment_entry(k));
    hashes.push_back(sha256_hex(bytes_of(onnx_file(k))));
    files[segment_name(k)] = {{"size", 2}, {"sha256", hashes.back()}};
  }
  return {{"format_version", 1},
          {"id", network_id(hashes)},
          {"parent", nullptr},
          {"model", "echo"},
          {"task", "classification"},
          {"precision", "float32"},
          {"class_names", {"cat", "dog", "bird"}},
          {"preprocessing", json::object()},
          {"symbols", {{"batch", {{"max", 64}}}}},
          {"tensors", tensors},
          {"inputs", {"x"}},
          {"segments", segments},
          {"parameters", {1, 2, 3}},
          {"profiles", json::array()},
          {"files", files},
          {"versions", json::object()}};
}

/// A scheduler file of maximum scores with these thresholds.
std::string echo_schedules(const std::string& network,
                           const std::vector<std::vector<double>>& thresholds) {
  SafeTensorsWriter writer;
  json schedules = json::array();
  for (std::size_t k = 0; k + 1 < EchoNetwork::kExits; ++k) {
    const std::size_t inputs = classification_features(EchoNetwork::kClasses) + k;
    std::vector<float> weight(inputs, 0.0F);
    weight[EchoNetwork::kClasses] = 1;
    writer.add<float>(cat("scorer.0.", k, ".weight"), {1, static_cast<std::int64_t>(inputs)},
                      weight);
    writer.add<float>(cat("scorer.0.", k, ".bias"), {1}, {0.0F});
  }
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    std::vector<double> all = thresholds[i];
    all.push_back(0);
    writer.add<double>(cat("schedule.", i, ".thresholds"), {3}, all);
    schedules.push_back({{"policy", "maximum"},
                         {"budget", 1.5 + 0.5 * static_cast<double>(i)},
                         {"unit", "ms"},
                         {"costs", {1, 2, 3}},
                         {"margin", 0.01},
                         {"calibration_samples", 1000},
                         {"calibration_shares", {0.5, 0.25, 0.25}},
                         {"combiner", nullptr},
                         {"scorer", "scorer.0"},
                         {"clamp", true}});
  }
  const json description = {{"format_version", 1}, {"feature_spec", 1},
                            {"network", network},  {"num_features", {7, 7, 7}},
                            {"active", 0},         {"schedules", schedules}};
  return writer.metadata("eenet", description.dump()).file();
}

SegmentFunction echo(std::size_t segment, EchoNetwork::Hook hook) {
  return [segment, hook = std::move(hook)](std::span<const BoundTensor> inputs,
                                           std::span<const BoundTensor> outputs) {
    const auto rows = static_cast<std::size_t>(inputs[0].shape[0]);
    if (hook) hook(segment, rows);
    const auto* from = static_cast<const float*>(inputs[0].data);
    auto* logits = static_cast<float*>(outputs[0].data);
    for (std::size_t row = 0; row < rows; ++row) {
      std::copy_n(from + row * 9 + segment * 3, 3, logits + row * 3);
    }
    if (outputs.size() > 1) std::memcpy(outputs[1].data, from, rows * 9 * sizeof(float));
  };
}

}  // namespace

TestBackend::TestBackend(Manifest manifest, std::vector<SegmentFunction> functions)
    : manifest_(std::move(manifest)), functions_(std::move(functions)) {}

std::unique_ptr<Segment> TestBackend::open(const std::string& name, std::span<const std::byte>,
                                           const OpenOptions&) const {
  for (std::size_t k = 0; k < functions_.size(); ++k) {
    const SegmentSpec& spec = manifest_.segments[k];
    if (spec.onnx_file != name) continue;
    return std::make_unique<FunctionSegment>(functions_[k], ports_of(manifest_, spec.inputs),
                                             ports_of(manifest_, spec.outputs));
  }
  throw Error(ErrorCode::kBackend, cat(name, ": the test backend has no such segment"));
}

EchoNetwork::EchoNetwork(const std::vector<std::vector<double>>& thresholds, Hook hook) {
  json manifest = echo_manifest();
  for (std::size_t k = 0; k < kExits; ++k) folder_.write(segment_name(k), onnx_file(k));
  if (!thresholds.empty()) {
    const std::string file = echo_schedules(manifest["id"], thresholds);
    folder_.write("scheduler.safetensors", file);
    manifest["files"]["scheduler.safetensors"] = {{"size", file.size()},
                                                  {"sha256", sha256_hex(bytes_of(file))}};
  }
  folder_.write("manifest.json", manifest.dump());
  std::vector<SegmentFunction> functions;
  for (std::size_t k = 0; k < kExits; ++k) functions.push_back(echo(k, hook));
  backend_ = std::make_shared<TestBackend>(parse_manifest(manifest.dump()), functions);
}

LoadOptions EchoNetwork::default_options() {
  LoadOptions options;
  options.cost_profile = {1, 2, 3};
  return options;
}

std::shared_ptr<const Model> EchoNetwork::load(const LoadOptions& options) const {
  return Model::load(path(), options, backend_);
}

std::vector<float> confident(std::size_t label, double probability) {
  std::vector<float> logits(EchoNetwork::kClasses,
                            static_cast<float>(std::log((1 - probability) / 2)));
  logits[label] = static_cast<float>(std::log(probability));
  return logits;
}

EchoInput::EchoInput(const std::vector<std::vector<float>>& exits)
    : shape{static_cast<std::int64_t>(exits.size() / EchoNetwork::kExits), 3, 3} {
  for (const std::vector<float>& logits : exits) {
    values.insert(values.end(), logits.begin(), logits.end());
  }
}

TensorView EchoInput::sample() const {
  return {DType::kFloat32, std::span(shape).subspan(1), values.data()};
}

TensorView EchoInput::batch() const {
  return {DType::kFloat32, shape, values.data()};
}

}  // namespace eenet::test
