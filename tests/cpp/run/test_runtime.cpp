#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "budget/replay.h"
#include "test_backend.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;
using test::expect_error;

// Exits 0, 1 and 2 are right with these probabilities.
EchoInput sample_of(double first, double second, double third) {
  return EchoInput({confident(0, first), confident(1, second), confident(2, third)});
}

Result infer(Runtime& runtime, const EchoInput& input, const InferOptions& options = {}) {
  return runtime.infer(std::vector{input.sample()}, options);
}

TEST(Runtime, IsWarmAndHasCountedNothing) {
  std::vector<std::size_t> runs(EchoNetwork::kExits);
  const EchoNetwork network({{0.9, 0.7}}, [&runs](std::size_t k, std::size_t) { ++runs[k]; });
  const Runtime runtime(network.load());
  EXPECT_GE(runs[2], 2U);
  EXPECT_EQ(runs[0], runs[2]);
  EXPECT_GT(runtime.segment_p95_ms()[2], 0);
  EXPECT_EQ(runtime.stats().count, 0U);
  EXPECT_EQ(runtime.stats().segments[0].count, 0U);
}

TEST(Runtime, ChangesTheScheduleBetweenSamples) {
  const EchoNetwork network({{0.7, 0.7}, {0.99, 0.99}});
  Runtime runtime(network.load());
  const EchoInput input = sample_of(0.8, 0.9, 0.9);
  EXPECT_EQ(infer(runtime, input).exit, 0U);
  EXPECT_EQ(infer(runtime, input).schedule, 0U);
  EXPECT_EQ(runtime.set_budget(2.2), 1U);
  EXPECT_EQ(infer(runtime, input).exit, 2U);
  EXPECT_EQ(infer(runtime, input).schedule, 1U);
  EXPECT_EQ(runtime.set_budget(4), std::nullopt);
  EXPECT_EQ(runtime.schedule(), nullptr);
  EXPECT_EQ(infer(runtime, input).schedule, std::nullopt);
  InferOptions options;
  options.policy = runtime.budgets().schedules()[0]->exit_policy.get();
  EXPECT_EQ(infer(runtime, input, options).exit, 0U);
  EXPECT_EQ(infer(runtime, input, options).schedule, std::nullopt);
}

TEST(Runtime, CountsSamplesSegmentsAndReasons) {
  const EchoNetwork network({{0.9, 0.7}});
  Runtime runtime(network.load());
  infer(runtime, sample_of(0.95, 0.9, 0.9));
  InferOptions options;
  options.max_exit = 1;
  infer(runtime, sample_of(0.5, 0.5, 0.9), options);
  options = {};
  options.forced_exit = 2;
  infer(runtime, sample_of(0.5, 0.5, 0.9), options);  // Not counted.
  const Stats stats = runtime.stats();
  EXPECT_EQ(stats.exits, (std::vector<std::uint64_t>{1, 1, 0}));
  EXPECT_EQ(stats.stops[static_cast<std::size_t>(StopReason::kMaxExit)], 1U);
  EXPECT_EQ(stats.mean_cost, 1.5);
  EXPECT_EQ(stats.segments[0].count, 2U);
  EXPECT_EQ(stats.segments[1].count, 1U);
  EXPECT_EQ(stats.segments[2].count, 0U);
}

TEST(Runtime, CountsTheSamplesOfABatchWhereTheyWent) {
  const EchoNetwork network({{0.9, 0.7}});
  Runtime runtime(network.load());
  EchoInput input({confident(0, 0.95), confident(1, 0.95), confident(2, 0.95),  //
                   confident(0, 0.5), confident(1, 0.95), confident(2, 0.95)});
  const BatchResult result = runtime.infer_batch(std::vector{input.batch()});
  EXPECT_EQ(result.schedule, 0U);
  const Stats stats = runtime.stats();
  EXPECT_EQ(stats.exits, (std::vector<std::uint64_t>{1, 1, 0}));
  EXPECT_EQ(stats.segments[0].count, 2U);
  EXPECT_EQ(stats.segments[1].count, 1U);
}

class LiveControl : public testing::Test {
 protected:
  LiveControl() : network_({{0.6, 0.6}, {0.8, 0.8}, {0.97, 0.97}}), runtime_(network_.load()) {
    options_.budget = 2;
    options_.window = 4;
    options_.neighbours = std::nullopt;
  }

  /// Samples that cost more and more.
  static std::vector<EchoInput> stream() {
    std::vector<EchoInput> out;
    for (std::size_t i = 0; i < 60; ++i) {
      const double sure = 0.95 - 0.5 * static_cast<double>(i * 7 % 60) / 60;
      out.push_back(sample_of(sure, 0.9 * sure + 0.08, 0.9));
    }
    return out;
  }

  EchoNetwork network_;
  Runtime runtime_;
  ControllerOptions options_;
};

TEST_F(LiveControl, TakesTheExitsOfAReplayedStream) {
  const std::vector<EchoInput> samples = stream();
  std::vector<float> logits;
  std::vector<std::int64_t> exits;
  std::vector<std::int64_t> schedules;
  EXPECT_EQ(runtime_.set_budget(options_), 1U);
  for (const EchoInput& input : samples) {
    const Result result = infer(runtime_, input);
    logits.insert(logits.end(), input.values.begin(), input.values.end());
    exits.push_back(static_cast<std::int64_t>(result.exit));
    schedules.push_back(static_cast<std::int64_t>(result.schedule.value()));
  }
  std::vector<std::int64_t> replayed(samples.size());
  std::vector<std::int64_t> in_force(samples.size());
  const auto outputs = LoggedOutputs::of_classification(logits.data(), samples.size(), 3, 3);
  replay_stream(outputs, runtime_.budgets(), options_, {}, replayed.data(), in_force.data());
  const double mean = mean_cost(replayed, runtime_.budgets().profile()->costs, 3);
  EXPECT_EQ(exits, replayed);
  EXPECT_EQ(schedules, in_force);
  EXPECT_NE(schedules, std::vector<std::int64_t>(samples.size(), schedules[0]));
  EXPECT_NEAR(runtime_.stats().mean_cost.value(), mean, 1e-12);
  EXPECT_NEAR(runtime_.surplus().value(), (2 - mean) * static_cast<double>(samples.size()), 1e-6);
}

TEST_F(LiveControl, BooksWhatASampleCosts) {
  runtime_.set_budget(options_);
  const EchoInput input = sample_of(0.99, 0.5, 0.9);  // Leaves at exit 0, which costs 1 of 2.
  InferOptions options;
  options.costs = {0.5, 1, 1.5};
  ASSERT_EQ(runtime_.infer(std::vector{input.sample()}, options).exit, 0U);
  EXPECT_NEAR(runtime_.surplus().value(), 1.5, 1e-6);
  EXPECT_NEAR(runtime_.stats().mean_cost.value(), 0.5, 1e-12);
  ASSERT_EQ(runtime_.infer(std::vector{input.sample()}, {}).exit, 0U);
  EXPECT_NEAR(runtime_.surplus().value(), 2.5, 1e-6);
  EXPECT_NEAR(runtime_.stats().mean_cost.value(), 0.75, 1e-12);
  options.costs = {4, 5, 6};
  runtime_.infer_batch(std::vector{input.batch()}, options);
  EXPECT_NEAR(runtime_.surplus().value(), 0.5, 1e-6);
  runtime_.reset_stats();
  EXPECT_EQ(runtime_.stats().mean_cost, std::nullopt);
  for (const std::vector<double>& wrong :
       {std::vector<double>{1, 2}, {1, 2, 3, 1, 2, 3}, {2, 1, 3}, {1, 2, 4e6}, {0, 1, 2}}) {
    options.costs = wrong;
    test::expect_error(ErrorCode::kInput, {"costs"},
                       [&] { runtime_.infer(std::vector{input.sample()}, options); });
  }
  EXPECT_EQ(runtime_.stats().count, 0U);
}

TEST_F(LiveControl, BooksOnlyWhatItDecides) {
  runtime_.set_budget(options_);
  const EchoInput input = sample_of(0.5, 0.5, 0.9);
  InferOptions options;
  options.forced_exit = 2;
  infer(runtime_, input, options);
  options = {};
  options.policy = nullptr;
  infer(runtime_, input, options);
  EXPECT_EQ(runtime_.surplus(), 0);
  options = {};
  options.max_exit = 0;
  infer(runtime_, input, options);
  EXPECT_NEAR(runtime_.surplus().value(), 1, 1e-6);
}

TEST_F(LiveControl, EndsWithTheNextBudget) {
  runtime_.set_budget(options_);
  EXPECT_TRUE(runtime_.surplus());
  EXPECT_NE(runtime_.schedule(), nullptr);
  runtime_.set_budget(2);
  EXPECT_FALSE(runtime_.surplus());
  EXPECT_EQ(runtime_.schedule()->budget, 2);
}

TEST_F(LiveControl, IsNotReplacedByOneThatCannotBe) {
  runtime_.set_budget(options_);
  ControllerOptions bad = options_;
  bad.budget = 0.5;
  expect_error(ErrorCode::kBudget, {"budget: 0.5 ms came"}, [&] { runtime_.set_budget(bad); });
  expect_error(ErrorCode::kBudget, {"budget: 0.5 ms came"}, [&] { runtime_.set_budget(0.5); });
  EXPECT_TRUE(runtime_.surplus());
}

}  // namespace
}  // namespace eenet
