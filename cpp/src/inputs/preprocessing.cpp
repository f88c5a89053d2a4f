#include "eenet/preprocessing.h"

#include <algorithm>
#include <cmath>

#include "eenet/error.h"

#include "inputs/resize.h"
#include "util/json.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr std::int64_t kLargestSide = 1 << 16;
constexpr std::size_t kMostChannels = 64;
constexpr std::size_t kMostNumbers = 0x7FFFFFFF;  // Of a sample, as of every tensor.

void expect_text(const JsonNode& node, std::string_view expected) {
  const std::string came = node.string();
  if (came != expected) node.fail(quote_name(came), quote_name(expected));
}

void expect_image(const JsonNode& kind) {
  if (kind.string() == "none") {
    kind.fail(
        "'none' came, 'image' expected: eenet-export --segments declares it where it gets "
        "--preprocessing");
  }
  expect_text(kind, "image");
}

/// @return Whether images are resized: there is one way so far.
bool read_resize(const JsonNode& declared) {
  const std::optional<JsonNode> resize = declared.find("resize");
  if (!resize || resize->is_null()) return false;
  expect_text(resize->at("crop"), "center");
  expect_text(resize->at("filter"), "bilinear");
  const JsonNode antialias = resize->at("antialias");
  if (!antialias.boolean()) antialias.fail("false", "true");
  return true;
}

std::vector<double> read_channels(const JsonNode& node, std::size_t count) {
  std::vector<double> numbers = node.numbers();
  if (numbers.size() != count || count == 0 || count > kMostChannels) {
    node.fail(cat(numbers.size(), " numbers"), cat("one a channel, 1 to ", kMostChannels));
  }
  return numbers;
}

}  // namespace

ImagePreprocessing ImagePreprocessing::parse(std::string_view declared) {
  const nlohmann::json document = parse_json(declared, "preprocessing", ErrorCode::kInput);
  const JsonNode root(document, "preprocessing", ErrorCode::kInput);
  expect_image(root.at("kind"));
  expect_text(root.at("color"), "RGB");
  expect_text(root.at("layout"), "CHW");
  ImagePreprocessing out;
  const std::vector<JsonNode> size = root.at("size").items(2, 2);
  out.height_ = static_cast<std::size_t>(size[0].integer(1, kLargestSide));
  out.width_ = static_cast<std::size_t>(size[1].integer(1, kLargestSide));
  out.resizes_ = read_resize(root);
  const double scale = root.at("scale").number();
  const std::size_t channels = root.at("mean").numbers().size();
  if (out.height_ * out.width_ > kMostNumbers / std::max(channels, std::size_t{1})) {
    root.at("size").fail(cat("(", out.height_, ", ", out.width_, ")"),
                         cat("at most ", kMostNumbers, " numbers"));
  }
  const std::vector<double> mean = read_channels(root.at("mean"), channels);
  const std::vector<double> std = read_channels(root.at("std"), channels);
  for (std::size_t c = 0; c < channels; ++c) {
    if (!(std[c] > 0)) root.at("std").fail(cat(std[c]), "numbers above 0");
    out.factor_.push_back(static_cast<float>(scale / std[c]));
    out.offset_.push_back(static_cast<float>(-mean[c] / std[c]));
    if (!std::isfinite(255 * out.factor_[c] + out.offset_[c])) {
      root.fail(cat("scale ", scale, ", mean ", mean[c], " and std ", std[c]),
                "numbers that bytes of images stay finite by");
    }
  }
  return out;
}

void ImagePreprocessing::run(std::span<const std::uint8_t> image, std::size_t height,
                             std::size_t width, std::span<float> out) const {
  std::vector<std::uint8_t> resized;
  if (height != height_ || width != width_) {
    const std::string came = cat("height and width (", height, ", ", width, ") came, ");
    if (height == 0 || width == 0) throw Error(ErrorCode::kInput, came + "at least 1 expected");
    if (!resizes_) {
      throw Error(ErrorCode::kInput, cat(came, "(", height_, ", ", width_,
                                         ") expected: the bundle does not say how to resize"));
    }
    resized = resize(image, {height, width}, {height_, width_}, channels());
    image = resized;
  }
  const std::size_t pixels = height_ * width_;
  const std::size_t step = channels();
  for (std::size_t c = 0; c < step; ++c) {
    float* const plane = out.data() + c * pixels;
    for (std::size_t i = 0; i < pixels; ++i) {
      plane[i] = static_cast<float>(image[i * step + c]) * factor_[c] + offset_[c];
    }
  }
}

}  // namespace eenet
