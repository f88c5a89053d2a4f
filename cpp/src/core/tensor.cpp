#include "eenet/tensor.h"

#include <new>

namespace eenet {

std::string_view dtype_name(DType dtype) {
  return dtype == DType::kFloat32 ? "float32" : "int64";
}

AlignedBuffer::AlignedBuffer(std::size_t bytes) : size_(bytes) {
  // aligned_alloc takes whole multiples of the alignment only.
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
  if (!data_) throw std::bad_alloc();
}

}  // namespace eenet
