#include "eenet/tensor.h"

#include <algorithm>
#include <new>

#include "core/dtype.h"

namespace eenet {

std::string_view dtype_name(DType dtype) {
  return kDTypeNames[static_cast<std::size_t>(dtype)];
}

std::optional<DType> find_dtype(std::string_view name) {
  const auto* const found = std::ranges::find(kDTypeNames, name);
  if (found == kDTypeNames.end()) return std::nullopt;
  return static_cast<DType>(found - kDTypeNames.begin());
}

AlignedBuffer::AlignedBuffer(std::size_t bytes) : size_(bytes) {
  // aligned_alloc takes whole multiples of the alignment only.
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
  if (!data_) throw std::bad_alloc();
}

}  // namespace eenet
