#include <optional>

#include <gtest/gtest.h>

#include "budget/segment_times.h"
#include "bundle/manifest_text.h"
#include "run/stopping.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;

/// Two exits.
Manifest manifest() {
  return parse_manifest(
      test::make_manifest({{"segment_0.onnx", "a"}, {"segment_1.onnx", "b"}}).dump());
}

TEST(Stopping, TheLastExitAnswersWhoeverIsLeft) {
  const Manifest network = manifest();
  const RunOptions options;
  const Stopping stopping(network, options, 0);
  EXPECT_EQ(stopping.at(0, 0), std::nullopt);
  EXPECT_EQ(stopping.at(1, 0), StopReason::kPolicy);
}

TEST(Stopping, AForcedExitIsTheOnlyOne) {
  const Manifest network = manifest();
  RunOptions options;
  options.forced_exit = 0;
  const Stopping stopping(network, options, 0);
  EXPECT_EQ(stopping.at(0, 0), StopReason::kForcedExit);
  EXPECT_EQ(stopping.at(1, 0), std::nullopt);
}

TEST(Stopping, AnExitMayBeTheLastOneAllowed) {
  const Manifest network = manifest();
  RunOptions options;
  options.max_exit = 0;
  EXPECT_EQ(Stopping(network, options, 0).at(0, 0), StopReason::kMaxExit);
}

TEST(Stopping, TimeThatHasPassedCountsAgainstTheDeadline) {
  const Manifest network = manifest();
  SegmentTimes times(2);
  times.record(0, 1);
  times.record(1, 4);
  RunOptions options;
  options.times = &times;
  options.deadline_ms = 5;
  const Stopping stopping(network, options, 0);
  EXPECT_EQ(stopping.at(0, 0.5), std::nullopt);
  EXPECT_EQ(stopping.at(0, 1.5), StopReason::kDeadline);
}

TEST(Stopping, WhoGoesOnElsewhereCannotLeaveBeforeItsNextExit) {
  const Manifest network = manifest();
  RunOptions options;
  options.max_exit = 0;
  expect_error(ErrorCode::kInput, {"max_exit: 0 came, 1 to 1 expected"},
               [&] { Stopping(network, options, 1); });
}

}  // namespace
}  // namespace eenet
