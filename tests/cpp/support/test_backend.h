#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eenet/manifest.h"
#include "eenet/options.h"

#include "backends/backend.h"
#include "engine/model.h"
#include "support.h"

namespace eenet::test {

/// What a segment computes: reads its inputs and writes its outputs, in the manifest's order.
using SegmentFunction =
    std::function<void(std::span<const BoundTensor> inputs, std::span<const BoundTensor> outputs)>;

/// Segments that are functions of this process, in place of ONNX Runtime: for tests that must see
/// into them, or run under tools that cannot see into ONNX Runtime.
class TestBackend : public Backend {
 public:
  TestBackend(Manifest manifest, std::vector<SegmentFunction> functions);

  std::string provider() const override { return "test"; }
  std::string version() const override { return "test backend"; }
  std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                const OpenOptions& options) const override;

 private:
  Manifest manifest_;
  std::vector<SegmentFunction> functions_;
};

/// A bundle on disk whose network does what the sample says.
///
/// It has 3 exits and 3 classes. A sample is a float32 [3, 3], row k the logits of exit k. A tensor
/// `hidden_k`, float32 [9], takes them from segment to segment. Exits cost 1, 2 and 3 ms.
class EchoNetwork {
 public:
  /// Called before a segment computes, with its index and the number of rows.
  using Hook = std::function<void(std::size_t segment, std::size_t rows)>;

  static constexpr std::size_t kExits = 3;
  static constexpr std::size_t kClasses = 3;

  /// @param thresholds Of the maximum score at exits 0 and 1, one pair a schedule; budgets are 1.5,
  ///   2, 2.5 ... ms and the first schedule is active. None: a bundle without schedules.
  explicit EchoNetwork(const std::vector<std::vector<double>>& thresholds, Hook hook = {});

  std::shared_ptr<const Model> load(const LoadOptions& options = default_options()) const;

  /// With costs, since no profile is made for the machine that tests run on.
  static LoadOptions default_options();

  const std::filesystem::path& path() const { return folder_.path(); }
  const std::shared_ptr<const Backend>& backend() const { return backend_; }

 private:
  TemporaryFolder folder_;
  std::shared_ptr<const Backend> backend_;
};

/// Logits of an exit that answers this class with this probability; the others share the rest.
std::vector<float> confident(std::size_t label, double probability);

/// A sample of the EchoNetwork from the logits of its three exits, on any number of samples one
/// after the other.
struct EchoInput {
  explicit EchoInput(const std::vector<std::vector<float>>& exits);

  TensorView sample() const;
  TensorView batch() const;

  std::vector<float> values;
  std::vector<std::int64_t> shape;  // (N, 3, 3)
};

}  // namespace eenet::test
