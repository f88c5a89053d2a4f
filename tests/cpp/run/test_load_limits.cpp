#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "run/load.h"
#include "test_backend.h"

namespace eenet {
namespace {

using test::EchoNetwork;
using test::expect_error;
using Seconds = std::chrono::duration<double>;

void load(const EchoNetwork& network, const LoadOptions& options) {
  load_runtime(network.path(), options, network.backend());
}

TEST(LoadLimits, EndALoadWhoseTimeIsUp) {
  std::atomic<int> runs{0};
  const EchoNetwork network({{0.9, 0.7}}, [&runs](std::size_t, std::size_t) {
    ++runs;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  LoadOptions options = EchoNetwork::default_options();
  options.timeout = Seconds(0.15);
  expect_error(ErrorCode::kTimeout, {"bundle '", "load_timeout: it was not loaded within 0.15 s"},
               [&] { load(network, options); });
  EXPECT_LT(runs, 9);  // Of three times three in a warm-up.
  options.timeout = Seconds(600);
  load(network, options);
}

TEST(LoadLimits, EndALoadThatTheCallerHasEnoughOf) {
  std::stop_source source;
  const EchoNetwork network({{0.9, 0.7}},
                            [&source](std::size_t, std::size_t) { source.request_stop(); });
  LoadOptions options = EchoNetwork::default_options();
  options.stop = source.get_token();
  expect_error(ErrorCode::kCancelled, {"the load was cancelled"}, [&] { load(network, options); });
  // Used up: nothing is opened.
  expect_error(ErrorCode::kCancelled, {"the load was cancelled"},
               [&] { Model::load(network.path(), options, network.backend()); });
}

TEST(LoadLimits, CountWhatTheManifestAsksFor) {
  // Three engines of 2 bytes, and the tensors of one sample.
  constexpr std::uint64_t kEngines = 3 * 2;
  constexpr std::uint64_t kSample = sizeof(float) * (9 + 3 * 3 + 2 * 9);
  const EchoNetwork network({});
  LoadOptions options = EchoNetwork::default_options();
  options.memory_limit = kEngines + 2 + kSample - 1;
  expect_error(
      ErrorCode::kBundle,
      {"memory_limit: 6 bytes of engines, 2 of the largest file (segment_0.onnx) and 144 of a",
       "together at most 151 expected"},
      [&] { Model::load(network.path(), options, network.backend()); });
  options.memory_limit = *options.memory_limit + 1;
  Model::load(network.path(), options, network.backend());
}

TEST(LoadLimits, WatchWhatTheProcessGrowsBy) {
  constexpr std::size_t kTaken = std::size_t{256} << 20U;
  std::vector<char> taken;
  const EchoNetwork network({{0.9, 0.7}}, [&taken](std::size_t, std::size_t) {
    taken.assign(kTaken, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  LoadOptions options = EchoNetwork::default_options();
  options.memory_limit = kTaken / 4;
  expect_error(ErrorCode::kBundle, {"memory_limit: the process grew by ", "at most 67108864"},
               [&] { load(network, options); });
}

TEST(LoadLimits, MustBeLimits) {
  const EchoNetwork network({});
  for (const double seconds : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    LoadOptions options = EchoNetwork::default_options();
    options.timeout = Seconds(seconds);
    expect_error(ErrorCode::kInput, {"load_timeout: ", "above 0 expected"},
                 [&] { load(network, options); });
  }
  LoadOptions options = EchoNetwork::default_options();
  options.memory_limit = 0;
  expect_error(ErrorCode::kInput, {"memory_limit: 0 came"}, [&] { load(network, options); });
}

}  // namespace
}  // namespace eenet
