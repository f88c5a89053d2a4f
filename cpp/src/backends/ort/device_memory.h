#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/ort/segment.h"
#include "backends/ort/session_setup.h"
#include "backends/segment.h"

namespace eenet::ort {

/// Memory of a provider's device, and the sessions that move rows about in it. Thread-safe;
/// outlives its buffers.
class DeviceMemory {
 public:
  /// @param setup Of a provider with device memory that can gather.
  DeviceMemory(const Environment& environment, SessionSetup setup);

  /// @param bytes Of whole numbers of that type.
  std::unique_ptr<DeviceBuffer> allocate(DType dtype, std::size_t bytes) const;

 private:
  class Buffer;

  using Block = std::unique_ptr<void, std::function<void(void*)>>;

  Block allocate_block(std::size_t bytes) const;
  /// Copies rows [., width] to a place on the device, from another one or from the host.
  void gather(DType dtype, void* from, bool on_device, std::vector<std::int64_t>& rows,
              std::size_t width, void* to) const;
  const OrtSegment& gathering(DType dtype) const;

  const Environment& environment_;
  SessionSetup setup_;
  OrtSegment gather_;            // Of float32.
  Handle<Allocator> allocator_;  // Of the session above.
  mutable std::mutex opening_;
  mutable std::unique_ptr<OrtSegment> gather_float16_;  // Null until a buffer is of it.
  mutable std::unique_ptr<OrtSegment> gather_uint8_;    // As above.
};

}  // namespace eenet::ort
