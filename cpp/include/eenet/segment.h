#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eenet/export.h"
#include "eenet/tensor.h"

namespace EENET_API eenet {

/// An input or output of a loaded segment, as the backend sees it.
struct Port {
  std::string name;
  std::string dtype;                ///< As in the manifest where the manifest has a word for it.
  std::vector<std::int64_t> shape;  ///< -1 where the dimension is not fixed.
};

/// Host memory that a binding reads or writes on every run.
struct BoundTensor {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  void* data = nullptr;  ///< Outlives the binding.
};

/// One caller's view of a segment: fixed memory for every input and output. Not thread-safe.
class Binding {
 public:
  virtual ~Binding() = default;

  /// Reads the inputs, computes, writes the outputs.
  /// @throws Error(kBackend) with the library's own words.
  virtual void run() = 0;
};

/// One loaded engine. Immutable and thread-safe; outlives its bindings.
class Segment {
 public:
  virtual ~Segment() = default;

  virtual const std::vector<Port>& inputs() const noexcept = 0;
  virtual const std::vector<Port>& outputs() const noexcept = 0;

  /// @throws Error(kBackend) if the library refuses a tensor.
  virtual std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                        std::span<const BoundTensor> outputs) const = 0;
};

}  // namespace eenet
