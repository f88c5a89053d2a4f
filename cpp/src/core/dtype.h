#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "eenet/tensor.h"

namespace eenet {

/// By the numbers of DType.
inline constexpr std::array<std::string_view, 5> kDTypeNames = {"float32", "int64", "float16",
                                                                "int32", "uint8"};

/// @return None if tensors cannot be of it.
std::optional<DType> find_dtype(std::string_view name);

}  // namespace eenet
