#include <vector>

#include <gtest/gtest.h>

#include "inputs/named_inputs.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;

const int kFirst = 1;
const int kSecond = 2;

Manifest two_inputs() {
  Manifest manifest;
  manifest.tensors.resize(3);
  manifest.tensors[0].name = "mask";
  manifest.tensors[2].name = "ids";
  manifest.inputs = {2, 0};
  return manifest;
}

NamedTensor tensor(const char* name, const void* data) {
  NamedTensor out;
  if (name != nullptr) out.name = name;
  out.view.data = data;
  return out;
}

std::vector<const void*> order(const std::vector<NamedTensor>& tensors) {
  std::vector<const void*> data;
  for (const TensorView& view : order_inputs(two_inputs(), tensors)) data.push_back(view.data);
  return data;
}

TEST(NamedInputs, GoByNameOrByPlace) {
  const std::vector<const void*> expected = {&kFirst, &kSecond};
  EXPECT_EQ(order({tensor("mask", &kSecond), tensor("ids", &kFirst)}), expected);
  EXPECT_EQ(order({tensor("ids", &kFirst), tensor("mask", &kSecond)}), expected);
  EXPECT_EQ(order({tensor(nullptr, &kFirst), tensor(nullptr, &kSecond)}), expected);
}

TEST(NamedInputs, AreAllThereOnce) {
  expect_error(ErrorCode::kInput, {"1 tensors came, 2 expected: 'ids', 'mask'"},
               [] { order({tensor("ids", &kFirst)}); });
  expect_error(ErrorCode::kInput, {"input 'ids' came twice"},
               [] { order({tensor("ids", &kFirst), tensor("ids", &kFirst)}); });
  expect_error(ErrorCode::kInput, {"input 'ids' came twice"},
               [] { order({tensor(nullptr, &kFirst), tensor("ids", &kFirst)}); });
  expect_error(ErrorCode::kInput, {"input 'image' came, 'ids', 'mask' expected"},
               [] { order({tensor("ids", &kFirst), tensor("image", &kFirst)}); });
}

}  // namespace
}  // namespace eenet
