#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eenet/manifest.h"
#include "eenet/tensor.h"

namespace eenet {

/// What the caller's arrays hold.
enum class InputLayout : int {
  kSample,  ///< One sample, without the batch axis.
  kBatch,   ///< Samples along the first axis.
};

/// Notes the sizes of the symbolic dimensions that an input decides.
/// @param values Per symbol; 0 until an input decides it.
/// @throws Error(kInput) if the input is not of its tensor's dtype and shape.
void match_input(const Manifest& manifest, const TensorSpec& spec, const TensorView& input,
                 InputLayout layout, std::vector<std::int64_t>& values);

/// @param values The input's, aligned for its dtype.
/// @param shape Of the caller's array, for the place of the first bad value.
/// @throws Error(kInput) if a value is NaN or infinite.
void check_finite(const TensorSpec& spec, std::span<const std::byte> values,
                  std::span<const std::int64_t> shape);

}  // namespace eenet
