#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "backends/ort/backend.h"
#include "backends/ort/library.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;

/// Sets EENET_ORT_LIB for one test.
class Chosen {
 public:
  explicit Chosen(const char* path) { ::setenv("EENET_ORT_LIB", path, 1); }
  Chosen(const Chosen&) = delete;
  Chosen& operator=(const Chosen&) = delete;
  ~Chosen() { ::unsetenv("EENET_ORT_LIB"); }
};

TEST(OnnxRuntime, KnowsWhichVersionsItCanUse) {
  std::uint32_t api = 0;
  for (const char* version :
       {"1.19.1", "1.19", "1.18.9", "0.20.0", "2.0.0", "", "x", "1", "1.x.3"}) {
    EXPECT_FALSE(ort::supported_version(version, api)) << version;
  }
  EXPECT_TRUE(ort::supported_version("1.19.2", api));
  EXPECT_EQ(api, 19U);
  EXPECT_TRUE(ort::supported_version("1.20.0", api));
  EXPECT_EQ(api, 20U);
  EXPECT_TRUE(ort::supported_version("1.29.1-dev", api));
  EXPECT_EQ(api, 29U);
  // Newer libraries still answer for the newest interface that this code knows.
  EXPECT_TRUE(ort::supported_version("1.32.0", api));
  EXPECT_EQ(api, 29U);
}

TEST(OnnxRuntime, RefusesOneThatIsTooOld) {
  const Chosen chosen(FAKE_ONNXRUNTIME);
  expect_error(ErrorCode::kBackend,
               {"1.18.1", FAKE_ONNXRUNTIME, "1.19.2", "pip install onnxruntime"},
               [] { open_onnxruntime({}); });
}

TEST(OnnxRuntime, RefusesAnotherLibrary) {
  const Chosen chosen("libm.so.6");
  expect_error(ErrorCode::kBackend, {"libm.so.6", "OrtGetApiBase"}, [] { open_onnxruntime({}); });
}

TEST(OnnxRuntime, DoesNotLookElsewhereThanItWasTold) {
  const Chosen chosen("/nowhere/libonnxruntime.so");
  LoadOptions options;
  options.files.libraries["onnxruntime"] = {FAKE_ONNXRUNTIME};
  expect_error(ErrorCode::kBackend, {"/nowhere/libonnxruntime.so"},
               [&] { open_onnxruntime(options); });
}

TEST(OnnxRuntime, SaysWhatItSearchedAndHowToInstall) {
  expect_error(ErrorCode::kBackend, {"EENET_ORT_LIB", "pip install onnxruntime"},
               [] { open_onnxruntime({}); });
}

TEST(OnnxRuntime, RefusesAbsurdThreadCounts) {
  for (const int threads : {-1, 0, 1025}) {
    LoadOptions options;
    options.threads = threads;
    expect_error(ErrorCode::kConfiguration, {"threads", std::to_string(threads)},
                 [&] { open_onnxruntime(options); });
  }
}

}  // namespace
}  // namespace eenet
