#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "backends/ort/api.h"
#include "backends/ort/gather_model.h"
#include "backends/ort/known_provider.h"
#include "backends/ort/onnx_file.h"
#include "backends/ort/openvino.h"
#include "support.h"

namespace eenet {
namespace {

using nlohmann::json;
using test::expect_error;

TEST(Providers, HaveOneNameEach) {
  EXPECT_EQ(ort::known_provider("openvino").official_name, "OpenVINOExecutionProvider");
  EXPECT_EQ(ort::known_provider("onnxruntime:cuda").official_name, "CUDAExecutionProvider");
  for (const char* other : {"cuda", "CUDAExecutionProvider", "onnxruntime:cpu"}) {
    expect_error(ErrorCode::kInput, {"providers: '", other, "one of ONNX Runtime's expected"},
                 [other] { ort::known_provider(other); });
  }
}

TEST(Providers, CpuComesLastAndEachOnce) {
  const char* const cuda = "onnxruntime:cuda";
  EXPECT_EQ(ort::check_providers({{"onnxruntime:tensorrt"}, {cuda}, {"cpu"}}).size(), 3U);
  expect_error(ErrorCode::kInput, {"'onnxruntime:cuda' came twice"},
               [&] { ort::check_providers({{cuda}, {cuda}}); });
  expect_error(ErrorCode::kInput, {"'onnxruntime:cuda' came after 'cpu'"},
               [&] { ort::check_providers({{"cpu"}, {cuda}}); });
}

TEST(OpenVino, GetsThreadsAndPrecisionUnlessTheyAreGiven) {
  const auto config = [](const char* given, const char* device) {
    return json::parse(ort::openvino_load_config(given, device, 3));
  };
  const json usual = {{"INFERENCE_NUM_THREADS", "3"}, {"INFERENCE_PRECISION_HINT", "f32"}};
  EXPECT_EQ(config("", "CPU"), json({{"CPU", usual}}));
  EXPECT_EQ(config("{}", "CPU"), json({{"CPU", usual}}));
  EXPECT_EQ(config("", "GPU"), json({{"GPU", {{"INFERENCE_PRECISION_HINT", "f32"}}}}));
  json other = usual;
  other["INFERENCE_NUM_THREADS"] = 7;
  other["NUM_STREAMS"] = "2";
  EXPECT_EQ(config(R"({"CPU": {"INFERENCE_NUM_THREADS": 7, "NUM_STREAMS": "2"}})", "CPU"),
            json({{"CPU", other}}));
}

TEST(OpenVino, RefusesPropertiesOfAnotherDevice) {
  expect_error(ErrorCode::kInput, {"load_config", "'GPU' came", "CPU expected"},
               [] { ort::openvino_load_config(R"({"CPU": {}, "GPU": {}})", "CPU", 1); });
}

/// A table in which the function at each position is its number.
std::vector<const void*> numbered_table(std::size_t size) {
  std::vector<const void*> table(size);
  for (std::size_t i = 0; i < size; ++i) table[i] = reinterpret_cast<const void*>(i);
  return table;
}

template <typename Function>
std::size_t slot_of(Function function) {
  return reinterpret_cast<std::size_t>(function);
}

// The sanitizers watch that nothing is read past the end of the smaller table.
TEST(Functions, OfNewerInterfacesAreNotReadFromOlderTables) {
  const std::vector<const void*> older = numbered_table(280);
  ort::Functions functions = ort::read_functions(older.data(), ort::kCancellableLoadApi - 1);
  EXPECT_EQ(functions.SessionOptionsSetLoadCancellationFlag, nullptr);
  EXPECT_EQ(slot_of(functions.SessionOptionsAppendExecutionProvider_CUDA_V2), 204U);
  const std::vector<const void*> old = numbered_table(294);
  functions = ort::read_functions(old.data(), ort::kPluginApi - 1);
  EXPECT_EQ(slot_of(functions.SessionOptionsSetLoadCancellationFlag), 293U);
  EXPECT_EQ(functions.RegisterExecutionProviderLibrary, nullptr);
  EXPECT_EQ(functions.EpDevice_MemoryInfo, nullptr);
}

TEST(Functions, ForPluginsAreWhereTheyBelong) {
  const std::vector<const void*> table = numbered_table(400);
  const ort::Functions functions = ort::read_functions(table.data(), ort::kPluginApi);
  EXPECT_EQ(slot_of(functions.RegisterExecutionProviderLibrary), 301U);
  EXPECT_EQ(slot_of(functions.SessionOptionsAppendExecutionProvider_V2), 304U);
  EXPECT_EQ(slot_of(functions.EpDevice_MemoryInfo), 374U);
}

TEST(GatherModel, IsOnnxWithoutWeights) {
  const std::vector<std::byte> model = ort::make_gather_model(ort::kFloat);
  ort::check_self_contained(model, "gather");
  EXPECT_LT(model.size(), 256U);
}

}  // namespace
}  // namespace eenet
