#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// Element types that may cross a segment's border.
enum class DType { kFloat32, kInt64, kFloat16, kInt32, kUInt8 };

/// As in the manifest and in numpy, for instance `float32`.
std::string_view dtype_name(DType dtype);

/// Bytes of one element.
constexpr std::size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kInt64:
      return 8;
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kFloat16:
      return 2;
    case DType::kUInt8:
      return 1;
  }
  return 0;
}

/// How many numbers a tensor of this shape has.
constexpr std::size_t count_elements(std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

/// Borrowed, read-only, row-major host memory. Whoever passes one keeps data and shape alive for
/// the duration of the call.
struct TensorView {
  DType dtype = DType::kFloat32;
  std::span<const std::int64_t> shape;
  const void* data = nullptr;  ///< Need not be aligned.
};

/// Uninitialised host memory of a fixed size, aligned to a cache line so that kernels never meet a
/// split load and two tensors never share a line.
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  AlignedBuffer() = default;
  /// @throws std::bad_alloc if there is no memory.
  explicit AlignedBuffer(std::size_t bytes);

  std::byte* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const noexcept { std::free(data); }
  };

  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace eenet
