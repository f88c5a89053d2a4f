#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "eenet/tensor.h"

namespace eenet {

/// An input or output of a loaded segment, as the backend sees it.
struct Port {
  std::string name;
  std::string dtype;                ///< As in the manifest where the manifest has a word for it.
  std::vector<std::int64_t> shape;  ///< -1 where the dimension is not fixed.
};

/// Memory on the device that computes, for one tensor. Not thread-safe.
class DeviceBuffer {
 public:
  virtual ~DeviceBuffer() = default;

  /// Its address there, the same for as long as it lives; not for the host to read.
  virtual void* data() const noexcept = 0;

  /// Fills its beginning from the host.
  /// @param bytes Of whole tensors.
  /// @throws Error(kBackend) with the library's own words.
  virtual void write(std::span<const std::byte> bytes) = 0;

  /// Moves these rows to the front and forgets the others.
  /// @param rows Ascending.
  /// @throws Error(kBackend) with the library's own words.
  virtual void keep_rows(std::span<const std::size_t> rows, std::size_t row_bytes) = 0;
};

/// Memory that a binding reads or writes on every run.
struct BoundTensor {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  void* data = nullptr;    ///< Outlives the binding.
  bool on_device = false;  ///< It is a DeviceBuffer's, of the same backend; else the host's.
};

/// One caller's view of a segment: fixed memory for every input and output. Not thread-safe.
class Binding {
 public:
  virtual ~Binding() = default;

  /// Reads the inputs, computes, writes the outputs.
  /// @throws Error(kBackend) with the library's own words, Error(kCancelled) if it was ended.
  virtual void run() = 0;
};

/// One loaded engine. Immutable and thread-safe; outlives its bindings.
class Segment {
 public:
  virtual ~Segment() = default;

  virtual const std::vector<Port>& inputs() const noexcept = 0;
  virtual const std::vector<Port>& outputs() const noexcept = 0;

  /// @param stop Ends the run that is under way, if the library can, and all later ones.
  /// @throws Error(kBackend) if the library refuses a tensor.
  virtual std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                        std::span<const BoundTensor> outputs,
                                        const std::stop_token& stop) const = 0;
};

}  // namespace eenet
