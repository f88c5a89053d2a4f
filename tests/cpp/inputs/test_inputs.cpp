#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "inputs/inputs.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;
using Shape = std::vector<std::int64_t>;

/// `x` float32 [batch <= 8, tokens <= 5, 3] and `mask` int64 [batch, tokens].
Manifest make_manifest() {
  Manifest manifest;
  manifest.symbols = {{"batch", 8}, {"tokens", 5}};
  manifest.tensors = {{"x", DType::kFloat32, {{0, 0}, {0, 1}, {3, {}}}},
                      {"mask", DType::kInt64, {{0, 0}, {0, 1}}}};
  manifest.inputs = {0, 1};
  return manifest;
}

/// Matches one input after another; returns the sizes of batch and tokens.
Shape match(InputLayout layout, const Shape& x, const Shape& mask, Shape values) {
  const Manifest manifest = make_manifest();
  match_input(manifest, manifest.tensors[0], {DType::kFloat32, x, nullptr}, layout, values);
  match_input(manifest, manifest.tensors[1], {DType::kInt64, mask, nullptr}, layout, values);
  return values;
}

TEST(Inputs, DecideTheSymbolicDimensions) {
  EXPECT_EQ(match(InputLayout::kBatch, {8, 5, 3}, {8, 5}, {0, 0}), (Shape{8, 5}));
  EXPECT_EQ(match(InputLayout::kBatch, {1, 1, 3}, {1, 1}, {0, 0}), (Shape{1, 1}));
  EXPECT_EQ(match(InputLayout::kSample, {4, 3}, {4}, {1, 0}), (Shape{1, 4}));
}

TEST(Inputs, AreRefusedWithTheShapeExpected) {
  const auto refused = [](const Shape& x, const Shape& mask, std::vector<std::string> words) {
    expect_error(ErrorCode::kInput, words, [&] { match(InputLayout::kBatch, x, mask, {0, 0}); });
  };
  refused({0, 5, 3}, {0, 5}, {"'x'", "(0, 5, 3) came", "batch <= 8", "one sample or more"});
  refused({9, 5, 3}, {9, 5}, {"'x'", "(9, 5, 3) came", "batch <= 8"});
  refused({5, 3}, {5}, {"'x'", "(5, 3) came", "(1 <= batch <= 8, 1 <= tokens <= 5, 3) expected"});
  refused({8, 6, 3}, {8, 6}, {"'x'", "(batch = 8, 1 <= tokens <= 5, 3) expected"});
  refused({8, 5, 3}, {7, 5}, {"'mask'", "(7, 5) came", "(batch = 8, tokens = 5) expected"});
  expect_error(ErrorCode::kInput,
               {"'x'", "(1, 5, 3) came", "(1 <= tokens <= 5, 3)", "without a batch"},
               [] { match(InputLayout::kSample, {1, 5, 3}, {5}, {1, 0}); });
}

TEST(Inputs, AreRefusedByDtype) {
  const Manifest manifest = make_manifest();
  const Shape shape = {2, 5};
  Shape values = {0, 0};
  expect_error(ErrorCode::kInput, {"'mask'", "float32 came, int64 expected"}, [&] {
    match_input(manifest, manifest.tensors[1], {DType::kFloat32, shape, nullptr},
                InputLayout::kBatch, values);
  });
}

TEST(Inputs, NameTheFirstValueThatIsNotFinite) {
  const TensorSpec spec = make_manifest().tensors[0];
  std::vector<float> values(12, 1);
  const Shape shape = {2, 2, 3};
  check_finite(spec, std::as_bytes(std::span(values)), shape);
  values[10] = values[11] = std::numeric_limits<float>::infinity();
  expect_error(ErrorCode::kInput, {"'x'", "inf came at index (1, 1, 1)"},
               [&] { check_finite(spec, std::as_bytes(std::span(values)), shape); });
}

TEST(Inputs, OfHalfPrecisionAreFinite) {
  TensorSpec spec = make_manifest().tensors[0];
  spec.dtype = DType::kFloat16;
  std::vector<std::uint16_t> values = {0x3C00, 0x7BFF, 0xFBFF, 0x0001};
  const Shape shape = {2, 2};
  check_finite(spec, std::as_bytes(std::span(values)), shape);
  values[2] = 0xFC00;
  expect_error(ErrorCode::kInput, {"'x'", "-inf came at index (1, 0)"},
               [&] { check_finite(spec, std::as_bytes(std::span(values)), shape); });
  spec.dtype = DType::kInt32;
  check_finite(spec, std::as_bytes(std::span(values)), {});
}

}  // namespace
}  // namespace eenet
