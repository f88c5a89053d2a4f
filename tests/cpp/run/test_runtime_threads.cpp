#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "c/c_runtime.h"
#include "test_backend.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;

constexpr std::size_t kThreads = 8;
constexpr std::size_t kRounds = 300;

/// What a sample of class `label` answers at each exit differs, so that a wrong exit shows in the
/// label, and rows that were mixed up do, too.
std::vector<std::vector<float>> logits_of(std::size_t label) {
  return {confident(label, 0.8), confident((label + 1) % 3, 0.75), confident((label + 2) % 3, 0.5)};
}

/// The exit that every schedule of these tests takes, by the label that the sample answers.
std::size_t exit_of(std::size_t sample, std::size_t label) {
  return (label + 3 - sample) % 3;
}

/// Calls `work(thread, round)` from all threads at once.
template <typename Work>
void on_all_threads(const Work& work) {
  std::atomic<std::size_t> waiting{kThreads};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      for (std::size_t round = 0; round < kRounds; ++round) work(t, round);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  return total;
}

/// Budgets of the network below, and the exits that its samples take under them.
struct Choice {
  double budget;
  std::size_t exit;
};
constexpr Choice kChoices[] = {{1.5, 1}, {2.0, 0}, {3.5, 2}};

const std::vector<std::vector<double>> kThresholds = {{0.9, 0.7}, {0.7, 0.7}};

TEST(RuntimeThreads, AnswerAsOneThreadDoes) {
  const EchoNetwork echo(kThresholds);
  Runtime runtime(echo.load());
  std::atomic<int> wrong{0};
  on_all_threads([&](std::size_t thread, std::size_t round) {
    const std::size_t label = (thread + round) % 3;
    const EchoInput input(logits_of(label));
    const Result result = runtime.infer(std::vector{input.sample()});
    wrong += result.exit != 1 || result.label != (label + 1) % 3;
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(runtime.stats().exits, (std::vector<std::uint64_t>{0, kThreads * kRounds, 0}));
}

TEST(RuntimeThreads, MixSamplesAndBatchesAndBudgetsAndStats) {
  const EchoNetwork echo(kThresholds);
  Runtime runtime(echo.load());
  ControllerOptions controlled;
  controlled.budget = 1.8;
  controlled.window = 10;
  std::atomic<int> wrong{0};
  const auto check = [&](std::size_t sample, std::size_t label, std::size_t exit) {
    wrong += exit != exit_of(sample, label);
  };
  on_all_threads([&](std::size_t thread, std::size_t round) {
    const std::size_t first = (thread + round) % 3;
    if (thread % 4 == 0) {
      if (round % 4 == 3) {
        runtime.set_budget(controlled);
      } else {
        runtime.set_budget(kChoices[round % 4].budget);
      }
      wrong += runtime.surplus().value_or(0) > controlled.budget.value * 3 * kThreads * kRounds;
      wrong += sum(runtime.stats().exits) > 3 * kThreads * kRounds;
      if (const auto schedule = runtime.schedule()) wrong += schedule->unit != "ms";
    } else if (thread % 4 == 1) {
      std::vector<std::vector<float>> exits;
      const std::size_t samples = 1 + round % 3;
      for (std::size_t i = 0; i < samples; ++i) {
        for (const auto& logits : logits_of((first + i) % 3)) exits.push_back(logits);
      }
      const EchoInput input(exits);
      const BatchResult result = runtime.infer_batch(std::vector{input.batch()});
      for (std::size_t i = 0; i < samples; ++i) {
        check((first + i) % 3, static_cast<std::size_t>(result.labels[i]),
              static_cast<std::size_t>(result.exits[i]));
        wrong += result.exits[i] != result.exits[0];  // One schedule for all of them.
      }
    } else {
      const EchoInput input(logits_of(first));
      const Result result = runtime.infer(std::vector{input.sample()});
      check(first, result.label, result.exit);
    }
  });
  EXPECT_EQ(wrong, 0);
  // Two threads in four classify one sample a round, one 1, 2 or 3: 2 on average.
  EXPECT_EQ(runtime.stats().count, kThreads / 4 * kRounds * (2 + 2));
}

TEST(RuntimeThreads, TakeTheBudgetThatTheySet) {
  const EchoNetwork echo(kThresholds);
  const auto model = echo.load();
  std::atomic<int> wrong{0};
  on_all_threads([&](std::size_t thread, std::size_t round) {
    thread_local Runtime runtime(model);  // One model, a runtime a thread.
    const Choice& choice = kChoices[(thread + round) % 3];
    runtime.set_budget(choice.budget);
    const EchoInput input(logits_of(thread % 3));
    wrong += runtime.infer(std::vector{input.sample()}).exit != choice.exit;
  });
  EXPECT_EQ(wrong, 0);
}

TEST(RuntimeThreads, MayUseTheCInterface) {
  const EchoNetwork echo(kThresholds);
  eenet_runtime runtime(std::make_unique<Runtime>(echo.load()));
  const std::int64_t shape[] = {3, 3};
  std::atomic<int> wrong{0};
  on_all_threads([&](std::size_t thread, std::size_t round) {
    const EchoInput input(logits_of(thread % 3));
    const eenet_tensor tensor = {"x", EENET_FLOAT32, 2, shape, input.values.data()};
    eenet_answers* answers = nullptr;
    eenet_answer result{};
    result.struct_size = sizeof result;
    wrong += eenet_infer(&runtime, &tensor, 1, nullptr, &answers) != EENET_OK;
    wrong += eenet_get_answer(answers, 0, &result) != EENET_OK;
    eenet_free_answers(answers);
    wrong += static_cast<std::size_t>(result.exit) !=
             exit_of(thread % 3, static_cast<std::size_t>(result.label));
    wrong += eenet_set_budget(&runtime, kChoices[round % 3].budget, nullptr) != EENET_OK;
    wrong += eenet_set_budget(&runtime, 0.5, nullptr) != EENET_ERROR_BUDGET;
    wrong += *eenet_last_error() == '\0';
    eenet_stats stats{};
    stats.struct_size = sizeof stats;
    wrong += eenet_get_stats(&runtime, &stats) != EENET_OK;
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace eenet
