#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.h"
#include "test_backend.h"

namespace eenet {
namespace {

using test::EchoNetwork;
using test::expect_error;

/// Segments of another backend, which say something else about themselves.
class LyingBackend : public Backend {
 public:
  using Change = std::function<void(std::vector<Port>& inputs, std::vector<Port>& outputs)>;

  LyingBackend(std::shared_ptr<const Backend> backend, Change change)
      : backend_(std::move(backend)), change_(std::move(change)) {}

  std::string provider() const override { return "lying"; }
  std::string version() const override { return "lying backend"; }
  std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                const OpenOptions& options) const override {
    return std::make_unique<LyingSegment>(backend_->open(name, bytes, options), change_);
  }

 private:
  class LyingSegment : public Segment {
   public:
    LyingSegment(std::unique_ptr<Segment> segment, const Change& change)
        : segment_(std::move(segment)), inputs_(segment_->inputs()), outputs_(segment_->outputs()) {
      change(inputs_, outputs_);
    }

    const std::vector<Port>& inputs() const noexcept override { return inputs_; }
    const std::vector<Port>& outputs() const noexcept override { return outputs_; }
    std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                  std::span<const BoundTensor> outputs,
                                  const std::stop_token& stop) const override {
      return segment_->bind(inputs, outputs, stop);
    }

   private:
    std::unique_ptr<Segment> segment_;
    std::vector<Port> inputs_;
    std::vector<Port> outputs_;
  };

  std::shared_ptr<const Backend> backend_;
  Change change_;
};

/// Notes the batches that segments are opened for.
class NotingBackend : public LyingBackend {
 public:
  explicit NotingBackend(std::shared_ptr<const Backend> backend)
      : LyingBackend(std::move(backend), [](auto&, auto&) {}) {}

  std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                const OpenOptions& options) const override {
    batches.push_back(options.batch);
    return LyingBackend::open(name, bytes, options);
  }

  mutable std::vector<BatchRange> batches;
};

class ModelTest : public testing::Test {
 protected:
  std::shared_ptr<const Model> load(const LyingBackend::Change& change) const {
    return Model::load(network_.path(), EchoNetwork::default_options(),
                       std::make_shared<LyingBackend>(network_.backend(), change));
  }

  void expect_refused(const std::vector<std::string>& parts, const LyingBackend::Change& change) {
    expect_error(ErrorCode::kBundle, parts, [&] { load(change); });
  }

  EchoNetwork network_{{{0.9, 0.7}}};
};

TEST_F(ModelTest, TakesEnginesThatKeepTheManifestsPromise) {
  EXPECT_NE(load([](auto&, auto&) {}), nullptr);
  // An inner size need not be known.
  EXPECT_NE(load([](auto&, auto& outputs) { outputs[0].shape[1] = -1; }), nullptr);
}

TEST_F(ModelTest, RefusesAnEngineThatFixesASymbolicDimension) {
  expect_refused({"segment_0.onnx: input 'x': float32 [1, 3, 3] came, float32 [batch, 3, 3]"},
                 [](auto& inputs, auto&) { inputs[0].shape[0] = 1; });
  expect_refused({"output 'logits_0': float32 [0, 3] came, float32 [batch, 3] expected"},
                 [](auto&, auto& outputs) { outputs[0].shape[0] = 0; });
}

TEST_F(ModelTest, RefusesAnEngineWithOtherPorts) {
  expect_refused({"output 'logits_0': float32 [-1, 4] came, float32 [batch, 3] expected"},
                 [](auto&, auto& outputs) { outputs[0].shape[1] = 4; });
  expect_refused({"output 'logits_0': float32 [-1] came"},
                 [](auto&, auto& outputs) { outputs[0].shape.pop_back(); });
  expect_refused({"input 'x': int64 [-1, 3, 3] came"},
                 [](auto& inputs, auto&) { inputs[0].dtype = dtype_name(DType::kInt64); });
  expect_refused({"it has no input 'x', as the manifest promises"},
                 [](auto& inputs, auto&) { inputs[0].name += "y"; });
  expect_refused({"segment_0.onnx: 2 inputs came, 1 expected by the manifest"},
                 [](auto& inputs, auto&) { inputs.push_back(inputs[0]); });
}

TEST_F(ModelTest, OpensSegmentsForBatchesUpToTheManifests) {
  const auto backend = std::make_shared<NotingBackend>(network_.backend());
  Model::load(network_.path(), EchoNetwork::default_options(), backend);
  ASSERT_EQ(backend->batches.size(), EchoNetwork::kExits);
  for (const BatchRange& batch : backend->batches) {
    EXPECT_EQ(batch.least, 1);
    EXPECT_EQ(batch.best, 1);
    EXPECT_EQ(batch.most, 64);
  }
}

}  // namespace
}  // namespace eenet
