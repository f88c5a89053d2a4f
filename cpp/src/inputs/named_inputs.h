#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "eenet/manifest.h"
#include "eenet/tensor.h"

namespace eenet {

/// A caller's tensor and the input that it is for.
struct NamedTensor {
  std::optional<std::string_view> name;  ///< None: the input in the tensor's place.
  TensorView view;
};

/// The caller's tensors in the manifest's order.
/// @throws Error(kInput) unless every input of the network came once, and nothing else.
std::vector<TensorView> order_inputs(const Manifest& manifest,
                                     std::span<const NamedTensor> tensors);

}  // namespace eenet
