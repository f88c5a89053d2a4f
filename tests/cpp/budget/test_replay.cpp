#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "budget/controller.h"
#include "budget/replay.h"
#include "decision/exit_state.h"
#include "support.h"

namespace eenet {
namespace {

using test::class_state;
using test::expect_error;
using test::label_of;
using test::Logits;

constexpr std::size_t kSamples = 50;
constexpr std::size_t kExits = 3;
constexpr std::size_t kClasses = 5;

std::vector<float> random_logits() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> out(kSamples * kExits * kClasses);
  for (float& value : out) value = normal(random);
  return out;
}

LoggedOutputs view_of(const std::vector<float>& logits) {
  return LoggedOutputs::of_classification(logits.data(), kSamples, kExits, kClasses);
}

/// Of sample n at exit k.
std::span<const float> at(const std::vector<float>& logits, std::size_t n, std::size_t k) {
  return std::span(logits).subspan((n * kExits + k) * kClasses, kClasses);
}

ExitPolicy maximum_policy(std::vector<double> thresholds) {
  ExitPolicy::Parts parts;
  parts.num_features.assign(kExits, classification_features(kClasses));
  std::vector<Scorer> scorers;
  for (std::size_t k = 0; k + 1 < kExits; ++k) {
    scorers.push_back({std::vector<float>(classification_features(kClasses) + k), {0}, {}, 0});
    scorers.back().weight[kClasses] = 1;
  }
  parts.scorers = std::make_shared<const std::vector<Scorer>>(scorers);
  parts.thresholds = std::move(thresholds);
  return ExitPolicy(parts);
}

TEST(Replay, StopsWhereTheStateAccepts) {
  const std::vector<float> logits = random_logits();
  const ExitPolicy policy = maximum_policy({0.7, 0.6, 0});
  std::vector<std::int64_t> exits(kSamples);
  std::vector<float> q(kSamples * kExits);
  std::vector<float> every(kSamples * kExits);
  const std::vector<std::int64_t> labels =
      replay(view_of(logits), &policy, exits.data(), q.data()).labels;
  scores(view_of(logits), policy, every.data());
  ExitState state = class_state(kExits, kClasses);
  std::vector<std::size_t> taken(kExits);
  for (std::size_t n = 0; n < kSamples; ++n) {
    state.begin(&policy);
    std::size_t k = 0;
    while (!state.step(k, Logits(at(logits, n, k))).accept) ++k;
    EXPECT_EQ(exits[n], static_cast<std::int64_t>(k));
    EXPECT_EQ(labels[n], static_cast<std::int64_t>(label_of(state)));
    for (std::size_t j = 0; j < kExits; ++j) {
      if (j <= k) {
        EXPECT_EQ(q[n * kExits + j], every[n * kExits + j]);
      } else {
        EXPECT_TRUE(std::isnan(q[n * kExits + j]));
      }
    }
    EXPECT_EQ(every[n * kExits + kExits - 1], 0);
    ++taken[k];
  }
  for (const std::size_t count : taken) EXPECT_GT(count, 0U) << "the test has no such sample";
}

TEST(Replay, FullDepthAsksTheLastExitOnly) {
  std::vector<float> logits = random_logits();
  logits[0] = std::numeric_limits<float>::quiet_NaN();  // Exit 0 has no say.
  std::vector<std::int64_t> exits(kSamples);
  std::vector<float> q(kSamples * kExits);
  const std::vector<std::int64_t> labels =
      replay(view_of(logits), nullptr, exits.data(), q.data()).labels;
  logits[0] = 0;
  const std::vector<std::int64_t> expected = answers(view_of(logits), nullptr).labels;
  for (std::size_t n = 0; n < kSamples; ++n) {
    EXPECT_EQ(exits[n], static_cast<std::int64_t>(kExits - 1));
    EXPECT_EQ(labels[n], expected[n * kExits + kExits - 1]);
    for (std::size_t j = 0; j < kExits; ++j) EXPECT_TRUE(std::isnan(q[n * kExits + j]));
  }
}

TEST(Replay, FeaturesAndAnswersAreThoseOfTheState) {
  const std::vector<float> logits = random_logits();
  const Combiner combiner(kExits, kClasses, {1, 0, 0, 0.5F, 1, 0, 0.2F, 0.3F, 0.9F},
                          std::vector<float>(kExits * kClasses, 0.1F));
  std::vector<std::vector<float>> arrays(
      kExits, std::vector<float>(kSamples * classification_features(kClasses)));
  std::vector<float*> outputs;
  for (auto& array : arrays) outputs.push_back(array.data());
  features(view_of(logits), &combiner, outputs);
  const std::vector<std::int64_t> labels = answers(view_of(logits), &combiner).labels;

  ExitPolicy::Parts parts;
  parts.num_features.assign(kExits, classification_features(kClasses));
  parts.combiner = std::make_shared<const Combiner>(combiner);
  parts.thresholds.assign(kExits, std::numeric_limits<double>::infinity());
  const ExitPolicy policy(parts);
  ExitState state = class_state(kExits, kClasses);
  for (std::size_t n = 0; n < kSamples; ++n) {
    state.begin(&policy);
    for (std::size_t k = 0; k < kExits; ++k) {
      state.step(k, Logits(at(logits, n, k)));
      EXPECT_EQ(labels[n * kExits + k], static_cast<std::int64_t>(label_of(state)));
      for (std::size_t i = 0; i < classification_features(kClasses); ++i) {
        EXPECT_EQ(arrays[k][n * classification_features(kClasses) + i], state.features()[i]);
      }
    }
  }
}

TEST(Replay, NamesSampleAndExitOfBadLogits) {
  std::vector<float> logits = random_logits();
  logits[(17 * kExits + 2) * kClasses + 3] = std::numeric_limits<float>::infinity();
  expect_error(ErrorCode::kNonFinite, {"sample 17", "exit 2"},
               [&] { answers(view_of(logits), nullptr); });
}

TEST(Replay, RefusesThePolicyOfAnotherNetwork) {
  const std::vector<float> logits = random_logits();
  const ExitPolicy policy = maximum_policy({0, 0, 0});
  std::vector<float> q(kSamples * kExits);
  const auto other = LoggedOutputs::of_classification(logits.data(), kSamples, kClasses, kExits);
  expect_error(ErrorCode::kInput, {"policy"}, [&] { scores(other, policy, q.data()); });
}

/// Three schedules by the maximum that go ever deeper.
BudgetTable table_of_maxima() {
  std::vector<std::shared_ptr<const Schedule>> schedules;
  const std::vector<double> thresholds = {0.5, 0.7, 0.9};
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    Schedule schedule = *test::three_schedules()[i];
    schedule.exit_policy =
        std::make_shared<const ExitPolicy>(maximum_policy({thresholds[i], thresholds[i], 0}));
    schedules.push_back(std::make_shared<const Schedule>(std::move(schedule)));
  }
  return {schedules, test::profile({1, 2, 3}), {}};
}

struct Stream {
  std::vector<std::int64_t> exits = std::vector<std::int64_t>(kSamples);
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> schedules = std::vector<std::int64_t>(kSamples);
  double mean_cost = 0;
};

Stream run_stream(const std::vector<float>& logits, std::int64_t neighbours) {
  Stream out;
  const ControllerOptions options{2, kSamples, std::nullopt, neighbours};
  out.labels = replay_stream(view_of(logits), table_of_maxima(), options, {}, out.exits.data(),
                             out.schedules.data())
                   .labels;
  out.mean_cost = mean_cost(out.exits, std::vector<double>{1, 2, 3}, kExits);
  return out;
}

TEST(ReplayStream, WithoutNeighboursIsAReplay) {
  const std::vector<float> logits = random_logits();
  const Stream stream = run_stream(logits, 0);
  std::vector<std::int64_t> exits(kSamples);
  std::vector<float> q(kSamples * kExits);
  const BudgetTable table = table_of_maxima();
  const ExitPolicy* const policy = table.schedules()[1]->exit_policy.get();
  const std::vector<std::int64_t> labels =
      replay(view_of(logits), policy, exits.data(), q.data()).labels;
  EXPECT_EQ(stream.exits, exits);
  EXPECT_EQ(stream.labels, labels);
  EXPECT_EQ(stream.schedules, std::vector<std::int64_t>(kSamples, 1));
  double spent = 0;
  for (const std::int64_t exit : exits) spent += static_cast<double>(exit + 1);
  EXPECT_DOUBLE_EQ(stream.mean_cost, spent / kSamples);
}

TEST(ReplayStream, TheControllerSeesEverySample) {
  const std::vector<float> logits = random_logits();
  const Stream stream = run_stream(logits, 1);
  const BudgetTable table = table_of_maxima();
  Controller controller(table, {2, kSamples, std::nullopt, 1});
  ExitState state = class_state(kExits, kClasses);
  std::vector<std::size_t> used(3);
  for (std::size_t n = 0; n < kSamples; ++n) {
    const std::size_t chosen = controller.choose();
    ++used[chosen];
    EXPECT_EQ(stream.schedules[n], static_cast<std::int64_t>(chosen));
    state.begin(table.schedules()[chosen]->exit_policy.get());
    std::size_t k = 0;
    while (!state.step(k, Logits(at(logits, n, k))).accept) ++k;
    EXPECT_EQ(stream.exits[n], static_cast<std::int64_t>(k));
    EXPECT_EQ(stream.labels[n], static_cast<std::int64_t>(label_of(state)));
    controller.record(k);
  }
  for (const std::size_t count : used) EXPECT_GT(count, 0U) << "the test has no such sample";
  EXPECT_NEAR(stream.mean_cost, 2 - controller.surplus() / kSamples, 1e-9);
}

TEST(ReplayStream, BooksWhatEachSampleCosts) {
  const std::vector<float> logits = random_logits();
  const Stream plain = run_stream(logits, 1);
  std::vector<double> costs;
  for (std::size_t n = 0; n < kSamples; ++n) costs.insert(costs.end(), {1, 2, 3});
  Stream same;
  const ControllerOptions options{2, kSamples, std::nullopt, 1};
  const auto run = [&](Stream& out) {
    replay_stream(view_of(logits), table_of_maxima(), options, costs, out.exits.data(),
                  out.schedules.data());
  };
  run(same);
  EXPECT_EQ(same.exits, plain.exits);
  EXPECT_EQ(same.schedules, plain.schedules);
  EXPECT_DOUBLE_EQ(mean_cost(same.exits, costs, kExits), plain.mean_cost);
  // Long samples first: what they cost too much is spared on short ones, and the other way round.
  for (std::size_t i = 0; i < costs.size(); ++i) costs[i] *= i < costs.size() / 2 ? 1.2 : 0.8;
  Stream long_first;
  run(long_first);
  EXPECT_NE(long_first.schedules, plain.schedules);
  EXPECT_NEAR(mean_cost(long_first.exits, costs, kExits), 2, 0.1);
}

TEST(ReplayStream, RefusesWhatDoesNotFit) {
  const std::vector<float> logits = random_logits();
  std::vector<std::int64_t> out(kSamples);
  const auto refused = [&](const LoggedOutputs& outputs, const std::vector<std::string>& parts) {
    expect_error(ErrorCode::kInput, parts, [&] {
      replay_stream(outputs, table_of_maxima(), {2, 10, std::nullopt, 1}, {}, out.data(),
                    out.data());
    });
  };
  refused(LoggedOutputs::of_classification(logits.data(), 0, kExits, kClasses),
          {"outputs: no samples came"});
  refused(LoggedOutputs::of_classification(logits.data(), kSamples, kClasses, kExits),
          {"schedule 0: policy: one for 3 exits"});
}

}  // namespace
}  // namespace eenet
