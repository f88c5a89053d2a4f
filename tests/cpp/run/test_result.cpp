#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/result.h"

#include "same_answer.h"

namespace eenet {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// Two samples, three exits, two classes: one left at exit 1, one at exit 0.
BatchResult make_batch() {
  BatchResult batch;
  batch.num_exits = 3;
  batch.num_classes = 2;
  batch.labels = {1, 0};
  batch.exits = {1, 0};
  batch.probabilities = {0.25F, 0.75F, 0.5F, 0.5F};
  batch.scores = {0.1F, 0.2F, kNone, 0.3F, kNone, kNone};
  batch.output_shapes = {{{2}}, {{2}}, {{2}}};
  batch.outputs = {1, 2, 3, 4, kNone, kNone, 5, 6, kNone, kNone, kNone, kNone};
  batch.stopped_by = {StopReason::kDeadline, StopReason::kPolicy};
  batch.schedule = 2;
  batch.explanations.resize(2);
  batch.explanations[0].resize(2);
  batch.segment_ms = {1, 1.5};
  batch.latency_ms = 4;
  batch.backend_ms = 3;
  return batch;
}

TEST(BatchResult, SelectsSamplesInAnyOrder) {
  const BatchResult batch = make_batch();
  const std::vector<std::size_t> order = {1, 0, 1};
  const BatchResult chosen = batch.select(order);
  ASSERT_EQ(chosen.size(), 3U);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Result expected = batch.at(order[i]);
    const Result result = chosen.at(i);
    test::expect_same_answer(result, expected);
    EXPECT_EQ(result.explanations.size(), expected.explanations.size());
    EXPECT_EQ(result.segment_ms, expected.segment_ms);
    EXPECT_EQ(result.latency_ms, expected.latency_ms);
    EXPECT_EQ(result.schedule, expected.schedule);
  }
  EXPECT_TRUE(chosen.handoffs.empty() && chosen.audit_agrees.empty());
  EXPECT_EQ(batch.select({}).size(), 0U);
}

TEST(BatchResult, GivesOneSampleOnlyWhatItPassed) {
  const BatchResult batch = make_batch();
  EXPECT_EQ(batch.size(), 2U);
  const Result first = batch.at(0);
  EXPECT_EQ(first.label, 1U);
  EXPECT_EQ(first.exit, 1U);
  EXPECT_EQ(first.probabilities, (std::vector<float>{0.25F, 0.75F}));
  EXPECT_EQ(first.scores, (std::vector<float>{0.1F, 0.2F}));
  EXPECT_EQ(first.outputs, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(first.latency_ms, 4);
  EXPECT_EQ(first.backend_ms, 3);
  EXPECT_EQ(first.stopped_by, StopReason::kDeadline);
  EXPECT_EQ(first.schedule, 2U);
  EXPECT_EQ(first.explanations.size(), 2U);
  EXPECT_EQ(first.segment_ms, (std::vector<double>{1, 1.5}));
  const Result second = batch.at(1);
  EXPECT_EQ(second.label, 0U);
  EXPECT_EQ(second.exit, 0U);
  EXPECT_EQ(second.scores, (std::vector<float>{0.3F}));
  EXPECT_EQ(second.outputs, (std::vector<float>{5, 6}));
  EXPECT_EQ(second.stopped_by, StopReason::kPolicy);
  EXPECT_TRUE(second.explanations.empty());
  EXPECT_EQ(second.segment_ms, (std::vector<double>{1}));
}

TEST(BatchResult, HasNoScoresAtFullDepth) {
  BatchResult batch = make_batch();
  batch.scores.clear();
  batch.outputs.clear();
  EXPECT_TRUE(batch.at(1).scores.empty());
  EXPECT_TRUE(batch.at(1).outputs.empty());
}

TEST(StopReason, HasANameEach) {
  EXPECT_EQ(stop_reason_name(StopReason::kPolicy), "policy");
  EXPECT_EQ(stop_reason_name(StopReason::kMaxExit), "max_exit");
  EXPECT_EQ(stop_reason_name(StopReason::kDeadline), "deadline");
  EXPECT_EQ(stop_reason_name(StopReason::kForcedExit), "forced_exit");
}

}  // namespace
}  // namespace eenet
