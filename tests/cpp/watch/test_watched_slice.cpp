#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "test_backend.h"
#include "tiers/slice.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;
using test::expect_error;

TEST(WatchedSlice, ItsSamplesCountByTheirScoresAlone) {
  const EchoNetwork network({{0.8, 0.8}});
  const test::TemporaryFolder folder;
  slice_bundle(network.path(), 0, 2, folder.path() / "head");
  Runtime head(
      Model::load(folder.path() / "head", EchoNetwork::default_options(), network.backend()));
  head.watch({});
  for (const double sure : {0.9, 0.5}) {
    const EchoInput input({confident(1, sure), confident(1, sure), confident(1, sure)});
    head.infer(std::vector{input.sample()});
  }
  EXPECT_EQ(head.health().samples, 2U);
  EXPECT_TRUE(head.health().alarms.empty());
  for (const bool adapt : {false, true}) {
    WatchOptions options;
    options.audit_share = 0.5;
    options.adapt = adapt;
    expect_error(ErrorCode::kConfiguration,
                 {adapt ? "adapt: " : "audit_share: ", "came for a slice"},
                 [&] { head.watch(options); });
  }
  head.unwatch();
}

}  // namespace
}  // namespace eenet
