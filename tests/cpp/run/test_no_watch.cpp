#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "test_backend.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;

TEST(NoWatch, IsAnErrorThatNamesTheBuild) {
  const EchoNetwork network({{0.8, 0.8}});
  Runtime runtime(network.load());
  test::expect_error(ErrorCode::kConfiguration, {"watch: this build has none", "EENET_WATCH=OFF"},
                     [&] { runtime.watch({}); });
  const EchoInput input({confident(1, 0.9), confident(1, 0.9), confident(1, 0.9)});
  EXPECT_EQ(runtime.infer(std::vector{input.sample()}).exit, 0U);
  EXPECT_EQ(runtime.health().status, Health::Status::kUnwatched);
  runtime.unwatch();
  runtime.reset_thresholds();
}

}  // namespace
}  // namespace eenet
