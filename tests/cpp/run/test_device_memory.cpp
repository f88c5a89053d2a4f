#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "run/runner.h"
#include "test_backend.h"
#include "tiers/slice.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;
using test::TemporaryFolder;

/// What a device was asked for.
struct DeviceLog {
  std::vector<std::size_t> allocated;          // Bytes.
  std::vector<std::size_t> written;            // Bytes.
  std::vector<std::vector<std::size_t>> kept;  // Rows.
  std::vector<std::string> on_device;          // Names of tensors as they were bound.
  std::vector<std::string> on_host;
};

/// A device whose memory is some other memory of the host's.
class TestBuffer : public DeviceBuffer {
 public:
  TestBuffer(DeviceLog& log, std::size_t bytes) : log_(log), bytes_(bytes) {
    log_.allocated.push_back(bytes);
  }

  void* data() const noexcept override { return bytes_.data(); }

  void write(std::span<const std::byte> bytes) override {
    log_.written.push_back(bytes.size());
    std::memcpy(bytes_.data(), bytes.data(), bytes.size());
  }

  void keep_rows(std::span<const std::size_t> rows, std::size_t row_bytes) override {
    log_.kept.emplace_back(rows.begin(), rows.end());
    std::vector<unsigned char> kept;
    for (const std::size_t row : rows) {
      const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(row * row_bytes);
      kept.insert(kept.end(), from, from + static_cast<std::ptrdiff_t>(row_bytes));
    }
    std::fill(bytes_.begin(), bytes_.end(), kForgotten);
    std::copy(kept.begin(), kept.end(), bytes_.begin());
  }

 private:
  static constexpr unsigned char kForgotten = 0xFF;  // NaN, as a float.

  DeviceLog& log_;
  mutable std::vector<unsigned char> bytes_;
};

/// Notes where the tensors of another segment are.
class NotingSegment : public Segment {
 public:
  NotingSegment(std::unique_ptr<Segment> segment, DeviceLog& log)
      : segment_(std::move(segment)), log_(log) {}

  const std::vector<Port>& inputs() const noexcept override { return segment_->inputs(); }
  const std::vector<Port>& outputs() const noexcept override { return segment_->outputs(); }
  std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                std::span<const BoundTensor> outputs,
                                const std::stop_token& stop) const override {
    for (const auto tensors : {inputs, outputs}) {
      for (const BoundTensor& each : tensors) {
        (each.on_device ? log_.on_device : log_.on_host).push_back(each.name);
      }
    }
    return segment_->bind(inputs, outputs, stop);
  }

 private:
  std::unique_ptr<Segment> segment_;
  DeviceLog& log_;
};

/// Another backend, with memory of its own.
class DeviceBackend : public Backend {
 public:
  DeviceBackend(std::shared_ptr<const Backend> backend, DeviceLog& log)
      : backend_(std::move(backend)), log_(log) {}

  std::string provider() const override { return "device"; }
  std::string version() const override { return "device 1"; }
  std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                const OpenOptions& options) const override {
    return std::make_unique<NotingSegment>(backend_->open(name, bytes, options), log_);
  }
  std::unique_ptr<DeviceBuffer> allocate(DType, std::size_t bytes) const override {
    return std::make_unique<TestBuffer>(log_, bytes);
  }

 private:
  std::shared_ptr<const Backend> backend_;
  DeviceLog& log_;
};

class DeviceMemory : public testing::Test {
 protected:
  std::shared_ptr<const Model> load() { return load(network_.path()); }
  std::shared_ptr<const Model> load(const std::filesystem::path& path) {
    const auto backend = std::make_shared<DeviceBackend>(network_.backend(), log_);
    return Model::load(path, EchoNetwork::default_options(), backend);
  }

  DeviceLog log_;
  EchoNetwork network_{{{0.9, 0.7}}};
};

TEST_F(DeviceMemory, HoldsWhatTheHostNeitherWritesNorReads) {
  const Runner runner(load());
  constexpr std::size_t kRow = 9 * sizeof(float);
  EXPECT_EQ(log_.allocated, (std::vector<std::size_t>{kRow, kRow}));
  EXPECT_EQ(log_.on_device,
            (std::vector<std::string>{"hidden_0", "hidden_0", "hidden_1", "hidden_1"}));
  EXPECT_EQ(log_.on_host, (std::vector<std::string>{"x", "logits_0", "logits_1", "logits_2"}));
}

TEST_F(DeviceMemory, KeepsTheRowsOfTheSamplesThatStay) {
  // They leave at exits 2, 0, 1, 2, 0.
  const EchoInput input({confident(0, 0.8), confident(0, 0.6), confident(2, 0.5),   //
                         confident(1, 0.95), confident(0, 0.6), confident(0, 0.5),  //
                         confident(0, 0.8), confident(1, 0.75), confident(0, 0.5),  //
                         confident(0, 0.8), confident(0, 0.6), confident(1, 0.5),   //
                         confident(2, 0.95), confident(0, 0.6), confident(0, 0.5)});
  const auto model = load();
  Runner runner(model);
  RunOptions options;
  options.policy = model->budgets().schedules()[0]->exit_policy.get();
  // Twice: the second time the buffers have held other rows.
  for (int run = 0; run < 2; ++run) {
    log_.kept.clear();
    const BatchResult result = runner.run_batch(std::vector{input.batch()}, options);
    EXPECT_EQ(result.exits, (std::vector<std::int64_t>{2, 0, 1, 2, 0}));
    EXPECT_EQ(result.labels, (std::vector<std::int64_t>{2, 1, 1, 1, 2}));
    EXPECT_EQ(log_.kept, (std::vector<std::vector<std::size_t>>{{0, 2, 3}, {0, 2}}));
  }
}

TEST_F(DeviceMemory, TakesWhatAnotherMachineHandsOn) {
  const TemporaryFolder folder;
  slice_bundle(network_.path(), 0, 1, folder.path() / "0-1");
  const EchoInput input({confident(0, 0.8), confident(1, 0.6), confident(2, 0.5)});
  Runtime begins(load(folder.path() / "0-1"));
  // What travels is with the host from the start.
  EXPECT_TRUE(log_.allocated.empty());
  const Result handed_on = begins.infer(std::vector{input.sample()});
  ASSERT_FALSE(handed_on.complete());
  Runtime goes_on(load());
  const Result result = goes_on.resume(handed_on.handoff);
  EXPECT_EQ(result.exit, 2U);
  EXPECT_EQ(result.label, 2U);
  EXPECT_EQ(log_.written, (std::vector<std::size_t>{9 * sizeof(float)}));
}

TEST_F(DeviceMemory, IsGivenBackBeforeMoreIsTaken) {
  Runner runner(load());
  log_.allocated.clear();
  const EchoInput input({confident(0, 0.5), confident(1, 0.5), confident(2, 0.5), confident(2, 0.5),
                         confident(1, 0.5), confident(0, 0.5)});
  EXPECT_EQ(runner.run_batch(std::vector{input.batch()}, {}).labels,
            (std::vector<std::int64_t>{2, 0}));
  constexpr std::size_t kRows = 2 * 9 * sizeof(float);
  EXPECT_EQ(log_.allocated, (std::vector<std::size_t>{kRows, kRows}));
}

}  // namespace
}  // namespace eenet
