#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "eenet/segment.h"

#include "ort/segment.h"
#include "ort/session_setup.h"

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
  /// A place that rows are copied from or to.
  struct Place {
    void* data;
    bool on_device;
  };

  /// Copies rows of as many bytes from one place to another, in order.
  void gather(Place from, std::vector<std::int64_t> rows, std::size_t row_bytes, Place to) const;

  const Environment& environment_;
  SessionSetup setup_;
  OrtSegment gather_;
  Handle<Allocator> allocator_;  // Of the session above.
};

}  // namespace eenet::ort
