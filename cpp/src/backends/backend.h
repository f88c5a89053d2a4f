#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "eenet/manifest.h"

#include "backends/segment.h"
#include "core/device.h"

namespace eenet {

/// Sizes of the batches that a segment will run on, for engines that are built for some: the batch
/// shrinks from segment to segment, and is mostly one sample.
struct BatchRange {
  std::int64_t least = 1;
  std::int64_t best = 1;  ///< What to be fastest for.
  std::int64_t most = 1;
};

/// How a segment is opened.
struct OpenOptions {
  BatchRange batch;
  std::stop_token stop;  ///< Ends it, if the library can.
};

/// An inference library that opens segments. Thread-safe; outlives what it opens and allocates.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Where segments run: the `provider` of a measured profile.
  virtual std::string provider() const = 0;
  /// What segments run on beside the processor: a part of the `device` of a measured profile.
  virtual Accelerator accelerator() const { return Accelerator::kNone; }
  /// Name and version of the library.
  virtual std::string version() const = 0;

  /// Name of the file of a segment that open() takes.
  virtual const std::string& file_of(const SegmentSpec& segment) const { return segment.onnx_file; }

  /// Loads one engine.
  /// @param name Of the file.
  /// @param bytes The file; not kept.
  /// @throws Error(kBundle) if the file may not be handed to the library, Error(kBackend) if the
  ///   library refuses it, Error(kCancelled) if it was ended.
  virtual std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                        const OpenOptions& options) const = 0;

  /// Memory for a tensor that goes from segment to segment and never to the host.
  /// @param bytes Of whole numbers of that type.
  /// @return Null: such tensors are in host memory, like all others.
  /// @throws Error(kBackend) if there is no memory.
  virtual std::unique_ptr<DeviceBuffer> allocate(DType /*dtype*/, std::size_t /*bytes*/) const {
    return nullptr;
  }
};

}  // namespace eenet
