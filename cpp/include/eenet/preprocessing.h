#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// What a bundle declares to be done to images before its network sees them; docs/spec/format.md.
///
/// Gives the same numbers, to the bit, as training and export do. Immutable.
class ImagePreprocessing {
 public:
  /// @param declared Manifest::preprocessing.
  /// @throws Error(kInput) if it is not of images, or has something that this version does not
  ///   know.
  static ImagePreprocessing parse(std::string_view declared);

  std::size_t height() const noexcept { return height_; }
  std::size_t width() const noexcept { return width_; }
  std::size_t channels() const noexcept { return factor_.size(); }
  /// Whether images of other sizes are brought to this one; else they are refused.
  bool resizes() const noexcept { return resizes_; }

  /// Makes the input of a network out of an image.
  /// @param image Bytes (height, width, channels()), row-major.
  /// @param out Memory for (channels(), this->height(), this->width()) numbers.
  /// @throws Error(kInput) if the size is another one and resizes() is not set, or is 0.
  void run(std::span<const std::uint8_t> image, std::size_t height, std::size_t width,
           std::span<float> out) const;

 private:
  std::size_t height_ = 0;
  std::size_t width_ = 0;
  bool resizes_ = false;
  // One multiplication and one addition a pixel.
  std::vector<float> factor_;
  std::vector<float> offset_;
};

}  // namespace eenet
