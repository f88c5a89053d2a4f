#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace eenet {

struct ImageSize {
  std::size_t height = 0;
  std::size_t width = 0;
};

/// The largest part of an image around its centre that has the shape of `to`, brought to that size
/// by a triangle filter: along rows, rounded to bytes, then along columns; docs/spec/format.md.
/// @param image (from.height, from.width, channels), row-major; no size is 0.
std::vector<std::uint8_t> resize(std::span<const std::uint8_t> image, ImageSize from, ImageSize to,
                                 std::size_t channels);

}  // namespace eenet
