#include <barrier>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "budget/controller.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;
using test::profile;
using test::schedule;
using test::three_schedules;

const BudgetTable& three() {
  static const BudgetTable table(three_schedules(), profile({1, 2, 3}), {});
  return table;
}

BudgetTable five() {
  std::vector<std::shared_ptr<const Schedule>> schedules;
  for (const double budget : {1.25, 1.5, 2.0, 2.5, 2.75}) {
    schedules.push_back(schedule(budget, {0.4, 0.3, 0.3}));
  }
  return {schedules, profile({1, 2, 3}), {}};
}

ControllerOptions horizon(double budget, std::int64_t samples) {
  ControllerOptions options;
  options.budget = budget;
  options.horizon = samples;
  return options;
}

ControllerOptions window(double budget, std::int64_t samples) {
  ControllerOptions options;
  options.budget = budget;
  options.window = samples;
  return options;
}

/// What is chosen first and after each of the exits recorded.
std::vector<std::size_t> choices(Controller& controller, const std::vector<std::size_t>& exits) {
  std::vector<std::size_t> out = {controller.choose()};
  for (const std::size_t exit : exits) {
    controller.record(exit);
    out.push_back(controller.choose());
  }
  return out;
}

using Choices = std::vector<std::size_t>;

TEST(Controller, SpendsWhatIsLeftOfTheHorizon) {
  Controller controller(three(), horizon(2, 4));
  // Left per sample: 8 / 4; 7 / 3, closest to 2.5; 4 / 2; 1 / 1; then the next horizon's 8 / 4.
  EXPECT_EQ(choices(controller, {0, 2, 2, 0}), (Choices{1, 2, 1, 0, 1}));
}

TEST(Controller, CarriesOverWhatAHorizonLeaves) {
  Controller controller(three(), horizon(2, 4));
  for (int i = 0; i < 4; ++i) controller.record(0);
  EXPECT_DOUBLE_EQ(controller.surplus(), 4);
  // 12 / 4, 9 / 3, 6 / 2, 3 / 1: at full cost the surplus is just used up.
  EXPECT_EQ(choices(controller, {2, 2, 2, 2}), (Choices{2, 2, 2, 2, 1}));
  EXPECT_DOUBLE_EQ(controller.surplus(), 0);
}

TEST(Controller, WorksASurplusOffOverTheWindow) {
  // Two thirds of a full cost of 3 are 2.
  ControllerOptions options = window(0, 4);
  options.budget = Budget::share(2.0 / 3);
  Controller controller(three(), options);
  // 2; 2 + 1/4, as close to 2 as to 2.5; 2 + 2/4; 2 + 1/4; 2; 2 - 1/4, as close to 1.5; 2 - 2/4.
  EXPECT_EQ(choices(controller, {0, 0, 2, 2, 2, 2}), (Choices{1, 1, 2, 1, 1, 0, 0}));
  EXPECT_DOUBLE_EQ(controller.surplus(), -2);
  controller.record(0);
  EXPECT_EQ(controller.choose(), 0U);
  controller.record(1);
  EXPECT_DOUBLE_EQ(controller.surplus(), -1);
}

TEST(Controller, TheWindowEndsWithTheHorizon) {
  ControllerOptions options = horizon(2, 5);
  options.window = 4;
  Controller controller(three(), options);
  // 2; 2 + 1/4, as close to 2 as to 2.5; 2 + 1/3; 2 + 1/2; 2 + 1/1; 2 + 1/4 in the next horizon.
  EXPECT_EQ(choices(controller, {0, 1, 1, 1, 1}), (Choices{1, 1, 2, 2, 2, 1}));
  options.horizon = 100;
  Controller longer(three(), options);
  // 2 - 1/4, as close to 1.5 as to 2, where 2 - 1/99 would not be.
  EXPECT_EQ(choices(longer, {2}), (Choices{1, 0}));
}

TEST(Controller, NeighboursBoundTheChoice) {
  const auto extremes = [](std::optional<std::int64_t> neighbours, double budget) {
    ControllerOptions options = window(budget, 2);
    options.neighbours = neighbours;
    Controller rich(five(), options);
    Controller poor(five(), options);
    for (int i = 0; i < 100; ++i) {
      rich.record(0);
      poor.record(2);
    }
    return std::pair(poor.choose(), rich.choose());
  };
  EXPECT_EQ(extremes(0, 2), std::pair(2UL, 2UL));
  EXPECT_EQ(extremes(1, 2), std::pair(1UL, 3UL));
  EXPECT_EQ(extremes(2, 2), std::pair(0UL, 4UL));
  EXPECT_EQ(extremes(INT64_MAX, 2), std::pair(0UL, 4UL));
  EXPECT_EQ(extremes(std::nullopt, 2), std::pair(0UL, 4UL));
  EXPECT_EQ(extremes(1, 1.25), std::pair(0UL, 1UL));
  EXPECT_EQ(extremes(1, 2.9), std::pair(3UL, 4UL));
}

TEST(Controller, TheTargetMayLieBetweenSchedules) {
  // The target's schedule is the one of 1.5; that of 2 is its neighbour, and closer.
  ControllerOptions options = window(1.9, 100);
  EXPECT_EQ(Controller(three(), options).choose(), 1U);
  options.neighbours = 0;
  EXPECT_EQ(Controller(three(), options).choose(), 0U);
}

TEST(Controller, SchedulesAreOrderedByTheBudgetsInForce) {
  // Under these costs the schedule of 2 costs less than that of 1.5.
  const BudgetTable table({schedule(1.5, {0, 1, 0}), schedule(2, {0.5, 0, 0.5})},
                          profile({1, 4, 4}), {});
  ASSERT_GT(table.budgets()[0], table.budgets()[1]);
  Controller controller(table, window(3, 1));
  EXPECT_EQ(controller.choose(), 1U);
  controller.record(0);
  EXPECT_EQ(controller.choose(), 0U);
}

TEST(Controller, AMeanBetweenTwoSchedulesComesAbout) {
  // Schedules that cost 1 and 3 whatever the sample is.
  const BudgetTable table({schedule(1, {1, 0, 0}), schedule(3, {0, 0, 1})}, profile({1, 2, 3}), {});
  for (const ControllerOptions& options : {horizon(1.7, 1000), window(1.7, 20)}) {
    Controller controller(table, options);
    double spent = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::size_t chosen = controller.choose();
      spent += chosen == 0 ? 1 : 3;
      controller.record(chosen == 0 ? 0 : 2);
    }
    EXPECT_NEAR(spent / 1000, 1.7, 0.01);
    EXPECT_NEAR(controller.surplus(), 1700 - spent, 1e-5);
  }
}

TEST(Controller, ManyUnitsKeepTheirPrecision) {
  for (const double scale : {1e-6, 1.0, 3e11, 1e300}) {
    const BudgetTable table(three_schedules(), profile({0.7 * scale, 1.1 * scale, 3 * scale}), {});
    Controller controller(table, horizon(2.2 * scale, 1'000'000));
    for (int i = 0; i < 100'000; ++i) {
      controller.record(0);
      controller.record(1);
    }
    EXPECT_NEAR(controller.surplus() / scale, 1e5 * (1.5 + 1.1), 1e-3);
  }
}

TEST(Controller, RefusesBadOptions) {
  const auto refused = [](ErrorCode code, const std::vector<std::string>& parts,
                          const ControllerOptions& options) {
    expect_error(code, parts, [&] { Controller(three(), options); });
  };
  for (const double budget : {1.49, 0.0, -2.0, std::nan("")}) {
    refused(ErrorCode::kBudget, {"budget: ", "1.5 to 3 ms (50% to 100%) expected"},
            horizon(budget, 10));
  }
  for (const double budget : {3.001, HUGE_VAL}) {
    refused(ErrorCode::kBudget, {"budget: ", "at most 3 ms expected"}, horizon(budget, 10));
  }
  refused(ErrorCode::kInput, {"horizon: 0 came, at least 1 expected"}, horizon(2, 0));
  refused(ErrorCode::kInput, {"window: -1 came, at least 1 expected"}, window(2, -1));
  ControllerOptions options = window(2, 10);
  options.neighbours = -1;
  refused(ErrorCode::kInput, {"neighbours: -1 came, at least 0 expected"}, options);
  options = window(2, 10);
  options.window = std::nullopt;
  refused(ErrorCode::kInput, {"neither came, at least one of them expected"}, options);
}

TEST(Controller, RefusesATableWithoutSchedulesOrCosts) {
  const BudgetTable empty({}, profile({1, 2, 3}), {});
  expect_error(ErrorCode::kBudget, {"no schedules"}, [&] { Controller(empty, horizon(2, 10)); });
  const BudgetTable costless(three_schedules(), std::nullopt, {});
  expect_error(ErrorCode::kBudget, {"no cost profile"},
               [&] { Controller(costless, horizon(2, 10)); });
}

TEST(Controller, ThreadsThatRecordLoseNothing) {
  constexpr int kEach = 5'000'000;
  const BudgetTable table(three_schedules(), profile({1, 1.7, 3.1}), {});
  Controller together(table, horizon(2.3, 7));
  std::barrier start(2);
  const auto work = [&](std::size_t first) {
    start.arrive_and_wait();
    std::size_t exit = first;
    for (int i = 0; i < kEach; ++i) {
      if (together.choose() > 2) ADD_FAILURE() << "no such schedule";
      together.record(exit);
      exit = (exit + 1) % 3;
    }
  };
  std::thread one(work, 0);
  std::thread other(work, 1);
  one.join();
  other.join();
  Controller alone(table, horizon(2.3, 7));
  for (const std::size_t first : {0, 1}) {
    for (int i = 0; i < kEach; ++i) alone.record((first + static_cast<std::size_t>(i)) % 3);
  }
  // To the bit, for the account is in whole numbers.
  EXPECT_EQ(together.surplus(), alone.surplus());
  EXPECT_EQ(together.choose(), alone.choose());
}

}  // namespace
}  // namespace eenet
