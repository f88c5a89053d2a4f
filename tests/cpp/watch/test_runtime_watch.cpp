#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/drift.h"
#include "eenet/runtime.h"

#include "test_backend.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;
using test::expect_error;

/// Samples whose exits are more and more sure of class 0, by uniform numbers to a power: 1 is what
/// the schedule below was calibrated on, more is less sure.
class Images {
 public:
  explicit Images(std::uint64_t seed = 0) : random_(seed) {}

  EchoInput next(double power = 1) { return EchoInput(logits(power)); }
  EchoInput batch(std::size_t samples, double power = 1) {
    std::vector<std::vector<float>> all;
    for (std::size_t i = 0; i < samples; ++i) {
      for (std::vector<float>& exit : logits(power)) all.push_back(std::move(exit));
    }
    return EchoInput(all);
  }
  /// What the last exit answers from now on.
  void set_last_label(std::size_t label) { last_label_ = label; }

 private:
  std::vector<std::vector<float>> logits(double power) {
    const auto sure = [&] { return 0.35 + 0.6 * std::pow(uniform_(random_), power); };
    const double first = sure();
    return {confident(0, first), confident(0, sure()), confident(last_label_, 0.9)};
  }

  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_;
  std::size_t last_label_ = 0;
};

// Half leave at exit 0, half of the rest at exit 1; the bundle says the same.
constexpr double kHalf = 0.65;

class RuntimeWatch : public testing::Test {
 protected:
  RuntimeWatch() : network_({{kHalf, kHalf}, {0.8, 0.8}}), runtime_(network_.load()) {}

  Result infer(double power = 1, const InferOptions& options = {}) {
    return runtime_.infer(std::vector{images_.next(power).sample()}, options);
  }
  double mean_cost(int samples, double power) {
    double cost = 0;
    for (int i = 0; i < samples; ++i) cost += static_cast<double>(infer(power).exit + 1);
    return cost / samples;
  }
  /// Options whose alarms are counted.
  WatchOptions counting() {
    WatchOptions options;
    options.on_alarm = [this](const Alarm&) { ++alarms_; };
    return options;
  }

  EchoNetwork network_;
  Runtime runtime_;
  Images images_;
  int alarms_ = 0;
};

TEST_F(RuntimeWatch, HasNothingToSayWithoutAWatch) {
  infer();
  EXPECT_EQ(runtime_.health().status, Health::Status::kUnwatched);
  EXPECT_EQ(runtime_.health().samples, 0U);
  runtime_.unwatch();
  runtime_.reset_thresholds();
}

TEST_F(RuntimeWatch, TellsDriftOnce) {
  runtime_.watch(counting());
  mean_cost(3000, 1);
  EXPECT_EQ(alarms_, 0);
  EXPECT_EQ(runtime_.health().status, Health::Status::kHealthy);
  mean_cost(2000, 3);
  EXPECT_EQ(alarms_, 1);
  const Health health = runtime_.health();
  EXPECT_EQ(health.status, Health::Status::kDrifted);
  ASSERT_EQ(health.alarms.size(), 1U);
  EXPECT_EQ(health.samples, 5000U);
  EXPECT_GT(health.mean_cost.value(), health.expected_mean_cost.value());
  runtime_.unwatch();
  mean_cost(1000, 3);
  EXPECT_EQ(alarms_, 1);
  EXPECT_EQ(runtime_.health().status, Health::Status::kUnwatched);
}

TEST_F(RuntimeWatch, SeesBatchesAsItSeesSamples) {
  runtime_.watch(counting());
  for (int i = 0; i < 100; ++i) {
    runtime_.infer_batch(std::vector{images_.batch(8).batch()});
  }
  EXPECT_EQ(runtime_.health().samples, 800U);
  EXPECT_EQ(alarms_, 0);
  for (int i = 0; i < 200; ++i) {
    runtime_.infer_batch(std::vector{images_.batch(8, 3).batch()});
  }
  EXPECT_EQ(alarms_, 1);
}

TEST_F(RuntimeWatch, LeavesOutWhatTheScheduleDoesNotDecide) {
  runtime_.watch(counting());
  InferOptions options;
  options.forced_exit = 1;
  infer(1, options);
  options = {};
  options.policy = nullptr;
  infer(1, options);
  runtime_.set_budget(4);
  infer();
  EXPECT_EQ(runtime_.health().samples, 0U);
  runtime_.set_budget(1.5);
  options = {};
  options.max_exit = 0;
  for (int i = 0; i < 1000; ++i) infer(1, options);
  EXPECT_EQ(runtime_.health().samples, 1000U);
  EXPECT_EQ(alarms_, 0) << "that all leave at exit 0 was asked for";
}

TEST_F(RuntimeWatch, WatchesEachScheduleOfAController) {
  runtime_.watch(counting());
  ControllerOptions controller;
  controller.budget = 1.75;
  controller.window = 20;
  controller.neighbours = std::nullopt;
  runtime_.set_budget(controller);
  mean_cost(500, 1);
  EXPECT_EQ(runtime_.health().samples, 500U);
  EXPECT_TRUE(runtime_.surplus());
}

TEST_F(RuntimeWatch, KeepsTheControllerAndItsAccount) {
  ControllerOptions controller;
  controller.budget = 1.75;
  controller.window = 20;
  runtime_.set_budget(controller);
  infer();
  const auto surplus = runtime_.surplus();
  runtime_.watch({});
  EXPECT_EQ(runtime_.surplus(), surplus);
  runtime_.unwatch();
  EXPECT_EQ(runtime_.surplus(), surplus);
}

TEST_F(RuntimeWatch, AuditedSamplesKeepTheirAnswerAndAreCompared) {
  WatchOptions options;
  options.audit_share = 1;
  runtime_.watch(options);
  int audits = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t last = i % 3 == 0 ? 1 : 0;
    images_.set_last_label(last);
    InferOptions with_logits;
    with_logits.return_outputs = true;
    const Result result = infer(1, with_logits);
    EXPECT_EQ(result.audit_label.has_value(), result.exit < 2);
    EXPECT_EQ(result.outputs.size(), 3 * (result.exit + 1));
    if (!result.audit_label) continue;
    EXPECT_EQ(result.label, 0U);
    EXPECT_EQ(*result.audit_label, last);
    EXPECT_EQ(result.audit_agrees, last == 0);
    ++audits;
  }
  const Health health = runtime_.health();
  EXPECT_EQ(health.audits, static_cast<std::uint64_t>(audits));
  EXPECT_NEAR(health.agreement[0].value(), 2.0 / 3, 0.1);
  EXPECT_NEAR(health.mean_audit_cost.value(), 0.5 * 2 + 0.25 * 1, 0.15);
  // Statistics book the exit that answered.
  const Stats stats = runtime_.stats();
  EXPECT_EQ(stats.exits[0] + stats.exits[1], static_cast<std::uint64_t>(audits));
}

TEST_F(RuntimeWatch, AuditsInBatchesAnswerAsWithoutThem) {
  EchoInput input = images_.batch(8);
  images_.set_last_label(2);
  const EchoInput more = images_.batch(8);
  input.values.insert(input.values.end(), more.values.begin(), more.values.end());
  input.shape[0] = 16;
  InferOptions with_logits;
  with_logits.return_outputs = true;
  const BatchResult plain = runtime_.infer_batch(std::vector{input.batch()}, with_logits);
  EXPECT_TRUE(plain.audit_agrees.empty());
  WatchOptions options;
  options.audit_share = 0.5;
  runtime_.watch(options);
  const BatchResult audited = runtime_.infer_batch(std::vector{input.batch()}, with_logits);
  EXPECT_EQ(audited.exits, plain.exits);
  EXPECT_EQ(audited.labels, plain.labels);
  EXPECT_EQ(audited.probabilities, plain.probabilities);
  std::size_t audits = 0;
  for (std::size_t i = 0; i < audited.size(); ++i) {
    const Result result = audited.at(i);
    EXPECT_EQ(result.outputs, plain.at(i).outputs);
    EXPECT_EQ(result.scores, plain.at(i).scores);
    if (!result.audit_label) continue;
    EXPECT_LT(result.exit, 2U);
    EXPECT_EQ(*result.audit_label, i < 8 ? 0U : 2U);
    EXPECT_TRUE(std::isnan(audited.outputs[9 * i + 8])) << "logits of an exit it did not take";
    ++audits;
  }
  EXPECT_GT(audits, 2U);
  EXPECT_LT(audits, 12U);
  EXPECT_EQ(runtime_.stats().segments[2].count,
            2 * static_cast<std::uint64_t>(std::ranges::count(plain.exits, 2)) + audits);
}

TEST_F(RuntimeWatch, AnAuditThatFailsCostsNoAnswer) {
  // Every exit is sure of class 0, and the logits of the last one overflow.
  std::vector<test::SegmentFunction> functions;
  for (std::size_t k = 0; k < EchoNetwork::kExits; ++k) {
    functions.emplace_back([k](auto, std::span<const BoundTensor> outputs) {
      auto* const logits = static_cast<float*>(outputs[0].data);
      std::ranges::copy(confident(0, 0.9), logits);
      if (k == 2) logits[1] = std::numeric_limits<float>::infinity();
    });
  }
  const Manifest& manifest = runtime_.manifest();
  Runtime runtime(Model::load(network_.path(), EchoNetwork::default_options(),
                              std::make_shared<test::TestBackend>(manifest, functions)));
  WatchOptions options;
  options.audit_share = 1;
  runtime.watch(options);
  const EchoInput input = images_.next();
  EXPECT_EQ(runtime.infer(std::vector{input.sample()}).exit, 0U);
  EXPECT_EQ(runtime.infer(std::vector{input.sample()}).audit_label, std::nullopt);
  EXPECT_EQ(runtime.health().audits, 0U);
}

TEST_F(RuntimeWatch, AdaptsToADriftAndComesBack) {
  WatchOptions options = counting();
  options.adapt = true;
  runtime_.watch(options);
  mean_cost(1000, 1);
  EXPECT_FALSE(infer().adapted);
  mean_cost(2000, 3);
  EXPECT_EQ(runtime_.health().status, Health::Status::kAdapted);
  EXPECT_TRUE(runtime_.health().thresholds.has_value());
  EXPECT_TRUE(infer(3).adapted);
  EXPECT_NEAR(mean_cost(3000, 3), 1.75, 0.08);
  mean_cost(3000, 1);
  const Health health = runtime_.health();
  EXPECT_EQ(health.status, Health::Status::kDrifted) << "the alarm is not over yet";
  EXPECT_EQ(health.thresholds, std::nullopt);
  EXPECT_GE(health.adaptations, 2U);
  EXPECT_EQ(health.rollbacks, 1U);
  EXPECT_FALSE(infer().adapted);
  EXPECT_NEAR(mean_cost(2000, 1), 1.75, 0.08);
}

TEST_F(RuntimeWatch, ABudgetThatComesWhileThresholdsAreSetWins) {
  WatchOptions options;
  options.adapt = true;
  runtime_.watch(options);
  int samples = 0;
  while (runtime_.health().adaptations == 0 && samples < 3000) {
    infer(3);
    ++samples;
  }
  ASSERT_TRUE(infer(3).adapted);
  // The same samples again, and another budget while the last of them is computed.
  std::function<void()> meanwhile;
  const EchoNetwork network({{kHalf, kHalf}, {0.8, 0.8}}, [&](std::size_t, std::size_t) {
    if (meanwhile) std::exchange(meanwhile, nullptr)();
  });
  Runtime runtime(network.load());
  runtime.watch(options);
  Images images;
  for (int i = 0; i < samples; ++i) {
    if (i + 1 == samples) meanwhile = [&] { runtime.set_budget(2); };
    runtime.infer(std::vector{images.next(3).sample()});
  }
  EXPECT_EQ(runtime.health().adaptations, 1U);
  const Result next = runtime.infer(std::vector{images.next(3).sample()});
  EXPECT_EQ(next.schedule, 1U);
  EXPECT_FALSE(next.adapted);
}

TEST_F(RuntimeWatch, ThresholdsAreResetOnDemandAndWithTheBudget) {
  WatchOptions options;
  options.adapt = true;
  for (const bool by_budget : {false, true}) {
    runtime_.watch(options);
    mean_cost(1500, 3);
    ASSERT_TRUE(infer(3).adapted);
    if (by_budget) {
      runtime_.set_budget(1.5);
    } else {
      runtime_.reset_thresholds();
    }
    EXPECT_FALSE(infer(3).adapted);
    EXPECT_EQ(runtime_.health().thresholds, std::nullopt);
    mean_cost(2000, 3);
    EXPECT_TRUE(infer(3).adapted) << "the drift goes on";
  }
  runtime_.unwatch();
  EXPECT_FALSE(infer(3).adapted);
}

TEST_F(RuntimeWatch, AdaptsFixedSchedulesOnly) {
  WatchOptions options;
  options.adapt = true;
  ControllerOptions controller;
  controller.budget = 1.75;
  controller.window = 20;
  runtime_.set_budget(controller);
  expect_error(ErrorCode::kConfiguration, {"adapt: a controller is in force"},
               [&] { runtime_.watch(options); });
  runtime_.set_budget(4);
  expect_error(ErrorCode::kConfiguration, {"adapt: full depth is in force"},
               [&] { runtime_.watch(options); });
  runtime_.set_budget(1.5);
  runtime_.watch(options);
  expect_error(ErrorCode::kConfiguration, {"a controller came while a watch adapts"},
               [&] { runtime_.set_budget(controller); });
  runtime_.set_budget(4);
  infer();
  runtime_.set_budget(1.5);
}

TEST_F(RuntimeWatch, CallbacksMayCallTheRuntime) {
  WatchOptions options;
  options.on_alarm = [this](const Alarm& alarm) {
    EXPECT_EQ(runtime_.health().alarms.back().sample, alarm.sample);
    runtime_.set_budget(2);
    infer();
    runtime_.unwatch();
    ++alarms_;
  };
  runtime_.watch(options);
  mean_cost(2000, 3);
  EXPECT_EQ(alarms_, 1);
  EXPECT_EQ(runtime_.schedule()->budget, 2);
}

TEST_F(RuntimeWatch, WhatACallbackThrowsLeavesTheCall) {
  WatchOptions options;
  options.on_alarm = [](const Alarm&) { throw std::runtime_error("told"); };
  runtime_.watch(options);
  EXPECT_THROW(mean_cost(2000, 3), std::runtime_error);
  infer();
}

TEST_F(RuntimeWatch, ThreadsMayChangeEverythingAtOnce) {
  constexpr int kEach = 4000;
  std::atomic<int> alarms{0};
  WatchOptions options;
  options.adapt = true;
  options.audit_share = 0.2;
  options.on_alarm = [&](const Alarm&) { ++alarms; };
  runtime_.watch(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Images images(static_cast<std::uint64_t>(t));
      for (int i = 0; i < kEach; ++i) {
        runtime_.infer(std::vector{images.next(i < kEach / 2 ? 1 : 3).sample()});
        if (t > 0 || i % 100 > 0) continue;
        runtime_.health();
        if (i % 1000 == 0) runtime_.reset_thresholds();
        if (i % 1500 == 0) runtime_.set_budget(1.5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runtime_.health().samples, 8U * kEach);
  EXPECT_GT(alarms, 0);
}

}  // namespace
}  // namespace eenet
