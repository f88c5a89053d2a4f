#include <chrono>
#include <functional>
#include <limits>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "budget/segment_times.h"
#include "run/runner.h"
#include "test_backend.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;
using test::expect_error;

// Leaves at exit 0, at exit 1 and at exit 2 under thresholds of 0.9 and 0.7.
const std::vector<std::vector<float>> kEarly = {confident(0, 0.95), confident(1, 0.95),
                                                confident(2, 0.95)};
const std::vector<std::vector<float>> kMiddle = {confident(0, 0.8), confident(1, 0.75),
                                                 confident(2, 0.5)};
const std::vector<std::vector<float>> kLate = {confident(0, 0.8), confident(1, 0.6),
                                               confident(2, 0.5)};

EchoInput batch_of(const std::vector<std::vector<std::vector<float>>>& samples) {
  std::vector<std::vector<float>> all;
  for (const auto& sample : samples) all.insert(all.end(), sample.begin(), sample.end());
  return EchoInput(all);
}

class RunnerTest : public testing::Test {
 protected:
  RunnerTest()
      : network_({{0.9, 0.7}},
                 [this](std::size_t segment, std::size_t rows) { rows_[segment].push_back(rows); }),
        model_(network_.load()),
        runner_(model_) {
    options_.policy = model_->budgets().schedules()[0]->exit_policy.get();
    rows_.assign(EchoNetwork::kExits, {});
  }

  Result run(const std::vector<std::vector<float>>& sample) {
    const EchoInput input(sample);
    return runner_.run(std::vector{input.sample()}, options_);
  }

  // Before the network, which calls back from the start.
  std::vector<std::vector<std::size_t>> rows_{EchoNetwork::kExits};
  EchoNetwork network_;
  std::shared_ptr<const Model> model_;
  Runner runner_;
  RunOptions options_;
};

TEST_F(RunnerTest, LeavesWhereThePolicyAccepts) {
  std::vector<std::size_t> exits;
  std::vector<std::size_t> labels;
  for (const auto& sample : {kEarly, kMiddle, kLate}) {
    const Result result = run(sample);
    exits.push_back(result.exit);
    labels.push_back(result.label);
    EXPECT_EQ(result.stopped_by, StopReason::kPolicy);
    EXPECT_EQ(result.segment_ms.size(), result.exit + 1);
  }
  EXPECT_EQ(exits, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(labels, (std::vector<std::size_t>{0, 1, 2}));
}

TEST_F(RunnerTest, ComputesOnlyTheRowsThatStay) {
  const EchoInput input = batch_of({kLate, kEarly, kMiddle});
  const BatchResult result = runner_.run_batch(std::vector{input.batch()}, options_);
  EXPECT_EQ(result.exits, (std::vector<std::int64_t>{2, 0, 1}));
  EXPECT_EQ(result.labels, (std::vector<std::int64_t>{2, 0, 1}));
  EXPECT_EQ(rows_, (std::vector<std::vector<std::size_t>>{{3}, {2}, {1}}));
}

TEST_F(RunnerTest, GoesNoFurtherThanTheLastExitAllowed) {
  options_.max_exit = 1;
  const Result late = run(kLate);
  EXPECT_EQ(late.exit, 1U);
  EXPECT_EQ(late.label, 1U);
  EXPECT_EQ(late.stopped_by, StopReason::kMaxExit);
  EXPECT_EQ(late.scores.size(), 2U);
  EXPECT_EQ(run(kMiddle).stopped_by, StopReason::kPolicy);
  EXPECT_EQ(run(kEarly).exit, 0U);
  EXPECT_TRUE(rows_[2].empty());
  options_.max_exit = 2;
  EXPECT_EQ(run(kLate).stopped_by, StopReason::kPolicy);
}

TEST_F(RunnerTest, AtFullDepthTheLastExitAllowedAnswersAlone) {
  options_.policy = nullptr;
  options_.max_exit = 0;
  const Result result = run(kEarly);
  EXPECT_EQ(result.exit, 0U);
  EXPECT_EQ(result.label, 0U);
  EXPECT_EQ(result.stopped_by, StopReason::kMaxExit);
  EXPECT_TRUE(result.scores.empty());
}

TEST_F(RunnerTest, BeginsNoSegmentThatWouldMissTheDeadline) {
  SegmentTimes times(EchoNetwork::kExits);
  times.record(0, 1);
  times.record(1, 2);
  times.record(2, 1e6);
  options_.times = &times;
  options_.deadline_ms = 1e5;
  const Result result = run(kLate);
  EXPECT_EQ(result.exit, 1U);
  EXPECT_EQ(result.label, 1U);
  EXPECT_EQ(result.stopped_by, StopReason::kDeadline);
  EXPECT_TRUE(rows_[2].empty());
  EXPECT_EQ(run(kEarly).stopped_by, StopReason::kPolicy);
  options_.deadline_ms = 1e7;
  EXPECT_EQ(run(kLate).exit, 2U);
}

TEST_F(RunnerTest, AtFullDepthTheDeepestExitPassedAnswers) {
  SegmentTimes times(EchoNetwork::kExits);
  times.record(2, 1e6);
  options_.times = &times;
  options_.deadline_ms = 1e5;
  options_.policy = nullptr;
  const Result result = run(kEarly);
  EXPECT_EQ(result.exit, 1U);
  EXPECT_EQ(result.label, 1U);
  EXPECT_EQ(result.stopped_by, StopReason::kDeadline);
}

TEST(Runner, CountsTheTimeThatHasPassed) {
  // Exit 1 takes longer than it did of late, so that what is left does not do for exit 2.
  const EchoNetwork network({{0.9, 0.7}}, [](std::size_t segment, std::size_t) {
    if (segment == 1) std::this_thread::sleep_for(std::chrono::milliseconds(60));
  });
  const auto model = network.load();
  Runner runner(model);
  SegmentTimes times(EchoNetwork::kExits);
  for (std::size_t k = 0; k < EchoNetwork::kExits; ++k) times.record(k, 20);
  RunOptions options;
  options.policy = model->budgets().schedules()[0]->exit_policy.get();
  options.times = &times;
  options.deadline_ms = 70;
  const EchoInput input(kLate);
  const Result result = runner.run(std::vector{input.sample()}, options);
  EXPECT_EQ(result.exit, 1U);
  EXPECT_EQ(result.stopped_by, StopReason::kDeadline);
}

TEST_F(RunnerTest, RefusesADeadlineThatNoExitKeeps) {
  SegmentTimes times(EchoNetwork::kExits);
  times.record(0, 5);
  options_.times = &times;
  options_.deadline_ms = 4;
  expect_error(ErrorCode::kBudget, {"deadline_ms: 4 came", "at least 5 expected"},
               [&] { run(kEarly); });
  for (const double deadline : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    options_.deadline_ms = deadline;
    expect_error(ErrorCode::kInput, {"deadline_ms: ", "above 0 expected"}, [&] { run(kEarly); });
  }
  EXPECT_TRUE(rows_[0].empty());
}

SegmentTimes::Clock::time_point moved{};

TEST_F(RunnerTest, LooksAgainAtTimesThatStandInTheWay) {
  moved += std::chrono::hours(1);
  SegmentTimes times(EchoNetwork::kExits, [] { return moved; });
  options_.times = &times;
  options_.deadline_ms = 1e5;
  // At the first exit a call is refused, at a later one it has an answer already.
  times.record(0, 1e6);
  expect_error(ErrorCode::kBudget, {"deadline_ms"}, [&] { run(kLate); });
  moved += std::chrono::milliseconds(250);
  EXPECT_EQ(run(kLate).exit, 2U);
  times.record(0, 1);
  times.record(2, 1e6);
  EXPECT_EQ(run(kLate).stopped_by, StopReason::kDeadline);
  moved += std::chrono::milliseconds(250);
  EXPECT_EQ(run(kLate).exit, 2U);
  times.record(2, 1);
  EXPECT_EQ(run(kLate).exit, 2U);
}

TEST(Runner, EndsWhenItIsAskedTo) {
  std::function<void(std::size_t)> hook = [](std::size_t) {};
  std::vector<std::size_t> begun;
  const EchoNetwork network({{0.9, 0.7}}, [&](std::size_t segment, std::size_t) {
    begun.push_back(segment);
    hook(segment);
  });
  const auto model = network.load();
  Runner runner(model);
  const EchoInput input(kLate);
  std::stop_source source;
  RunOptions options;
  options.stop = source.get_token();
  hook = [&](std::size_t segment) {
    if (segment == 1) source.request_stop();
  };
  expect_error(ErrorCode::kCancelled, {"cancelled"},
               [&] { runner.run(std::vector{input.sample()}, options); });
  EXPECT_EQ(begun, (std::vector<std::size_t>{0, 1}));
  // A token that was used up refuses everything, batches and the warm-up too.
  expect_error(ErrorCode::kCancelled, {"cancelled"},
               [&] { runner.run_batch(std::vector{input.batch()}, options); });
  expect_error(ErrorCode::kCancelled, {"cancelled"}, [&] { runner.warm_up(source.get_token()); });
  EXPECT_EQ(begun.size(), 2U);
  // The next call is as any other.
  hook = [](std::size_t) {};
  EXPECT_EQ(runner.run(std::vector{input.sample()}, {}).exit, 2U);
}

TEST_F(RunnerTest, RefusesOptionsThatContradictEachOther) {
  options_.max_exit = 3;
  expect_error(ErrorCode::kInput, {"max_exit: 3 came, 0 to 2 expected"}, [&] { run(kEarly); });
  options_.max_exit = 1;
  options_.forced_exit = 1;
  expect_error(ErrorCode::kInput, {"forced_exit: max_exit came with it"}, [&] { run(kEarly); });
  options_ = {};
  options_.forced_exit = 1;
  options_.deadline_ms = 5;
  expect_error(ErrorCode::kInput, {"forced_exit: deadline_ms came with it"}, [&] { run(kEarly); });
  options_ = {};
  options_.deadline_ms = 5;
  const EchoInput input = batch_of({kEarly});
  expect_error(ErrorCode::kInput, {"deadline_ms: came with a batch"},
               [&] { runner_.run_batch(std::vector{input.batch()}, options_); });
}

TEST_F(RunnerTest, SaysWhenAnExitWasForced) {
  options_.forced_exit = 1;
  const Result result = run(kEarly);
  EXPECT_EQ(result.exit, 1U);
  EXPECT_EQ(result.stopped_by, StopReason::kForcedExit);
}

TEST_F(RunnerTest, ExplainsEveryDecision) {
  options_.explain = true;
  const Result result = run(kMiddle);
  ASSERT_EQ(result.explanations.size(), 2U);
  for (std::size_t k = 0; k < 2; ++k) {
    const ExitExplanation& each = result.explanations[k];
    EXPECT_EQ(each.exit, k);
    EXPECT_EQ(each.label, k);
    EXPECT_EQ(each.score, result.scores[k]);
    EXPECT_EQ(each.threshold, k == 0 ? 0.9 : 0.7);
    EXPECT_EQ(each.accepted, k == 1);
    EXPECT_EQ(each.time_ms, result.segment_ms[k]);
    ASSERT_FALSE(each.contributions.empty());
    EXPECT_EQ(each.contributions[0].name, "maximum");
    EXPECT_FLOAT_EQ(static_cast<float>(each.contributions[0].value), each.score);
  }
  EXPECT_TRUE(run(kLate).explanations.back().contributions.empty());
  options_.policy = nullptr;
  EXPECT_TRUE(run(kMiddle).explanations.empty());
  options_.explain = false;
  EXPECT_TRUE(run(kMiddle).explanations.empty());
}

TEST_F(RunnerTest, WarmsUpEverySegmentOnce) {
  EXPECT_EQ(runner_.warm_up().size(), EchoNetwork::kExits);
  EXPECT_EQ(rows_, (std::vector<std::vector<std::size_t>>{{1}, {1}, {1}}));
}

}  // namespace
}  // namespace eenet
