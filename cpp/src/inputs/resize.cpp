#include "inputs/resize.h"

#include <algorithm>
#include <cmath>

namespace eenet {
namespace {

// Weights are whole numbers of this many bits after the point, so that sums are exact.
constexpr int kBits = 22;
constexpr std::int32_t kHalf = 1 << (kBits - 1);

/// Which values along one axis each value of the result is made of.
struct Taps {
  std::vector<std::size_t> first;
  std::vector<std::vector<std::int32_t>> weights;

  std::size_t begin() const { return first.front(); }
  std::size_t end() const { return first.back() + weights.back().size(); }
};

/// The part of an axis that is used. Single precision, as the filter of the training has it.
struct Part {
  float begin = 0;
  float end = 0;
};

std::vector<std::int32_t> whole(const std::vector<double>& weights, double total) {
  std::vector<std::int32_t> out;
  for (const double weight : weights) {
    out.push_back(static_cast<std::int32_t>(0.5 + weight / total * (1 << kBits)));
  }
  return out;
}

Taps make_taps(std::size_t length, Part part, std::size_t size) {
  const double scale = static_cast<double>(part.end - part.begin) / static_cast<double>(size);
  const double reach = std::max(scale, 1.0);
  const double slope = 1 / reach;
  Taps taps;
  for (std::size_t i = 0; i < size; ++i) {
    const double center = static_cast<double>(part.begin) + (static_cast<double>(i) + 0.5) * scale;
    const auto first = static_cast<std::size_t>(std::max(center - reach + 0.5, 0.0));
    const std::size_t last = std::min(static_cast<std::size_t>(center + reach + 0.5), length);
    std::vector<double> weights;
    double total = 0;
    for (std::size_t at = first; at < last; ++at) {
      const double distance = (static_cast<double>(at) - center + 0.5) * slope;
      weights.push_back(std::max(1 - std::abs(distance), 0.0));
      total += weights.back();
    }
    taps.first.push_back(first);
    taps.weights.push_back(whole(weights, total));
  }
  return taps;
}

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::min(sum >> kBits, 255));
}

/// A row of an image, filtered.
void filter_row(const std::uint8_t* row, const Taps& taps, std::size_t channels,
                std::uint8_t* out) {
  for (std::size_t x = 0; x < taps.first.size(); ++x) {
    const std::uint8_t* const start = row + taps.first[x] * channels;
    for (std::size_t c = 0; c < channels; ++c) {
      std::int32_t sum = kHalf;
      const std::uint8_t* value = start + c;
      for (const std::int32_t weight : taps.weights[x]) {
        sum += weight * *value;
        value += channels;
      }
      *out++ = rounded(sum);
    }
  }
}

}  // namespace

std::vector<std::uint8_t> resize(std::span<const std::uint8_t> image, ImageSize from, ImageSize to,
                                 std::size_t channels) {
  const auto number = [](std::size_t size) { return static_cast<double>(size); };
  const double scale =
      std::min(number(from.width) / number(to.width), number(from.height) / number(to.height));
  const auto part = [&](std::size_t length, std::size_t size) {
    const double used = scale * number(size);
    const double begin = (number(length) - used) / 2;
    // Rounding must not lead outside.
    return Part{static_cast<float>(std::max(begin, 0.0)),
                static_cast<float>(std::min(begin + used, number(length)))};
  };
  const Taps across = make_taps(from.width, part(from.width, to.width), to.width);
  const Taps down = make_taps(from.height, part(from.height, to.height), to.height);

  const std::size_t width = to.width * channels;
  std::vector<std::uint8_t> rows((down.end() - down.begin()) * width);
  for (std::size_t y = down.begin(); y < down.end(); ++y) {
    filter_row(image.data() + y * from.width * channels, across, channels,
               rows.data() + (y - down.begin()) * width);
  }
  std::vector<std::uint8_t> out(to.height * width);
  std::vector<std::int32_t> sums(width);
  for (std::size_t y = 0; y < to.height; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const std::uint8_t* row = rows.data() + (down.first[y] - down.begin()) * width;
    for (const std::int32_t weight : down.weights[y]) {
      for (std::size_t i = 0; i < width; ++i) sums[i] += weight * row[i];
      row += width;
    }
    std::transform(sums.begin(), sums.end(), out.begin() + static_cast<std::ptrdiff_t>(y * width),
                   &rounded);
  }
  return out;
}

}  // namespace eenet
