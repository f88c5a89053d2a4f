#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "backends/ort/segment.h"
#include "backends/ort/session_setup.h"
#include "backends/segment.h"

namespace eenet::ort {

/// Memory of a provider's device, and the session that moves rows about in it. Thread-safe;
/// outlives its buffers.
class DeviceMemory {
 public:
  /// @param setup Of a provider with device memory that can gather.
  DeviceMemory(const Environment& environment, SessionSetup setup);

  std::unique_ptr<DeviceBuffer> allocate(std::size_t bytes) const;

 private:
  class Buffer;

  using Block = std::unique_ptr<void, std::function<void(void*)>>;

  Block allocate_block(std::size_t bytes) const;
  /// Copies rows of float32 [., width] to a place on the device, from another one or from the host.
  void gather(void* from, bool on_device, std::vector<std::int64_t>& rows, std::size_t width,
              void* to) const;

  const Environment& environment_;
  SessionSetup setup_;
  OrtSegment gather_;
  Handle<Allocator> allocator_;  // Of the session above.
};

}  // namespace eenet::ort
