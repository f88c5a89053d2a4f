#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/budget.h"

#include "budget/profile_key.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;
using test::profile;
using test::schedule;
using test::three_schedules;

TEST(BudgetTable, TakesTheLargestBudgetThatFits) {
  const BudgetTable table(three_schedules(), profile({1, 2, 3}), {});
  EXPECT_EQ(table.budgets(), (std::vector<double>{1.5, 2, 2.5}));
  EXPECT_EQ(table.choose(1.5), 0U);
  EXPECT_EQ(table.choose(1.999), 0U);
  EXPECT_EQ(table.choose(2), 1U);
  EXPECT_EQ(table.choose(2.49), 1U);
  EXPECT_EQ(table.choose(2.5), 2U);
  EXPECT_EQ(table.choose(3), 2U);
  EXPECT_EQ(table.choose(3.001), std::nullopt);
}

TEST(BudgetTable, RefusesWithTheFeasibleRange) {
  const BudgetTable table(three_schedules(), profile({1, 2, 3}), {});
  for (const double budget : {-1.0, 0.0, 0.5, 1.0, 1.49, std::nan("")}) {
    expect_error(ErrorCode::kBudget, {"budget", "1.5 to 3 ms"}, [&] { table.choose(budget); });
  }
}

TEST(BudgetTable, CostsThatDifferInPrintingOnlyAreTheSame) {
  const BudgetTable table(three_schedules(), profile({1 + 1e-13, 2, 3 - 1e-12}), {});
  EXPECT_EQ(table.budgets(), (std::vector<double>{1.5, 2, 2.5}));
}

TEST(BudgetTable, OtherCostsGiveOtherBudgets) {
  // Mean 0.5 * 2 + 0.3 * 4 + 0.2 * 6; every cost doubled, so the margin is, too.
  const BudgetTable table({schedule(2, {0.5, 0.3, 0.2})}, profile({2, 4, 6}), {});
  const double expected = 3.4 + 2 * 0.02;
  ASSERT_EQ(table.budgets().size(), 1U);
  EXPECT_NEAR(table.budgets()[0], expected, 1e-12);
  EXPECT_EQ(table.choose(expected + 1e-9), 0U);
  expect_error(ErrorCode::kBudget, {"3.44 to 6 ms"}, [&] { table.choose(3.4); });
}

TEST(BudgetTable, OtherCostsMayReorderSchedules) {
  // Under flat costs every schedule costs nearly the same; the largest that fits is taken.
  const BudgetTable table({schedule(1.5, {0, 1, 0}), schedule(2, {0.5, 0, 0.5})},
                          profile({1, 4, 4}), {});
  EXPECT_NEAR(table.budgets()[0], 4, 1e-12);
  EXPECT_LT(table.budgets()[1], 4);
  EXPECT_EQ(table.choose(3), 1U);
  EXPECT_EQ(table.choose(4), 0U);
}

TEST(BudgetTable, SharesAreOfFullCost) {
  const BudgetTable table(three_schedules(), profile({1, 2, 3}), {});
  EXPECT_EQ(table.cost_of(Budget::share(0.5)), 1.5);
  EXPECT_EQ(table.choose(Budget::share(0.5)), 0U);
  EXPECT_EQ(table.choose(Budget::parse("66.7%")), 1U);
  EXPECT_EQ(table.choose(Budget::share(1)), 2U);
  expect_error(ErrorCode::kBudget, {"101% came, a share of full cost of at most 100% expected"},
               [&] { table.choose(Budget::share(1.01)); });
  // A third of full cost times three is not quite full cost.
  const BudgetTable rounded({schedule(3 * 0.55, {0.5, 0.3, 0.2})}, profile({1, 2, 3}), {});
  EXPECT_EQ(rounded.choose(Budget::parse("55%")), 0U);
  EXPECT_EQ(rounded.choose(Budget::share(0.55 - 1e-12)), 0U);
  expect_error(ErrorCode::kBudget, {"54.9% came", "(55% to 100%)"},
               [&] { rounded.choose(Budget::parse("54.9%")); });
}

TEST(BudgetTable, SaysWhoseRangeItIs) {
  const BudgetTable table(three_schedules(), profile({1, 2, 3}), {});
  expect_error(ErrorCode::kBudget,
               {"budget: 1.2 ms came, 1.5 to 3 ms (50% to 100%) expected, which the bundle's "
                "schedules keep; `eenet-schedule refit` fits others, from 1 ms (33.3333%) on"},
               [&] { table.choose(1.2); });
  expect_error(ErrorCode::kBudget, {"that share of full cost is '65%'"},
               [&] { table.choose(0.65); });
  const BudgetTable lowest({schedule(1, {1, 0, 0})}, profile({1, 2, 3}), {});
  expect_error(ErrorCode::kBudget,
               {"budget: 20% came, 1 to 3 ms (33.3333% to 100%) expected, from the cost of the "
                "first exit to that of full depth"},
               [&] { lowest.choose(Budget::share(0.2)); });
}

TEST(BudgetTable, SaysWhatFullDepthCosts) {
  const BudgetTable table(three_schedules(), profile({1, 2, 3}), {});
  ASSERT_EQ(table.choose(65), std::nullopt);
  EXPECT_EQ(table.full_depth_notice(65),
            "budget: 65 ms is above the full cost of 3 ms: full depth runs, without early exits; "
            "for a share of full cost ask as for '65%'");
}

TEST(BudgetTable, WithoutCostsSharesGoByThoseOfTheSchedules) {
  const BudgetTable table(three_schedules(), std::nullopt, {});
  EXPECT_EQ(table.choose(Budget::share(0.5)), 0U);
  EXPECT_EQ(table.choose(Budget::share(0.7)), 1U);
  expect_error(ErrorCode::kBudget, {"200% came"}, [&] { table.choose(Budget::share(2)); });
  expect_error(ErrorCode::kBudget, {"40% came", "(50% to 100%)"},
               [&] { table.choose(Budget::share(0.4)); });
  const BudgetTable none({}, std::nullopt, {});
  expect_error(ErrorCode::kBudget, {"no cost profile"}, [&] { none.choose(Budget::share(0.5)); });
}

TEST(Budget, IsReadFromText) {
  EXPECT_EQ(Budget::parse("2.5").value, 2.5);
  EXPECT_FALSE(Budget::parse("2.5").is_share);
  EXPECT_EQ(Budget::parse("65%").value, 65 / 100.0);
  EXPECT_TRUE(Budget::parse("65%").is_share);
  EXPECT_EQ(Budget::parse("65 %").value, 65 / 100.0);
  EXPECT_TRUE(Budget::parse("65 %").is_share);
  for (const char* const text : {"", "%", " %", "65  %", "65 ", " 65%", "+1", "-1", "0", "0%",
                                 "nan", "inf%", "1e999", "65%%", "0x10", "1,5"}) {
    expect_error(ErrorCode::kInput,
                 {"came, a number above 0 or a share of full cost, as '65%', expected"},
                 [&] { Budget::parse(text); });
  }
}

TEST(BudgetTable, WithoutCostsNothingIsPromised) {
  const BudgetTable table(three_schedules(), std::nullopt, {profile({10, 20, 30}, "flops")});
  EXPECT_FALSE(table.profile().has_value());
  EXPECT_TRUE(table.budgets().empty());
  expect_error(ErrorCode::kBudget, {"no cost profile", "cost_profile="}, [&] { table.choose(2); });
}

TEST(BudgetTable, CountsHoldOnEveryDevice) {
  const BudgetTable given(three_schedules("flops"), profile({7, 8, 9}),
                          {profile({1, 2, 3}, "params"), profile({1, 2, 3}, "flops")});
  EXPECT_EQ(given.unit(), "flops");
  EXPECT_EQ(given.choose(2.2), 1U);
  // The schedules' own costs stand in for a profile that is not there.
  const BudgetTable own(three_schedules("flops"), std::nullopt, {});
  EXPECT_EQ(own.profile()->costs, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(own.choose(2.2), 1U);
  expect_error(ErrorCode::kBudget, {"flops"}, [&] { own.choose(1.2); });
}

TEST(BudgetTable, WithoutSchedulesThereIsFullDepthOnly) {
  const BudgetTable table({}, profile({1, 2, 3}), {});
  EXPECT_EQ(table.unit(), "ms");
  EXPECT_EQ(table.choose(4), std::nullopt);
  expect_error(ErrorCode::kBudget, {"no schedules", "3 ms"}, [&] { table.choose(2); });
}

TEST(FindProfile, EveryPartOfTheKeyCounts) {
  Profile measured = profile({1, 2, 3});
  measured.device = "board";
  measured.provider = "cpu";
  measured.precision = "float32";
  measured.threads = 2;
  measured.batch = 1;
  const std::vector<Profile> profiles = {profile({1, 2, 3}, "flops"), measured};
  const ProfileKey key{"board", "cpu", "float32", 2, 1};
  EXPECT_EQ(find_profile(profiles, key), &profiles[1]);
  const auto missing = [&](auto change) {
    ProfileKey other = key;
    change(other);
    return find_profile(profiles, other) == nullptr;
  };
  EXPECT_TRUE(missing([](ProfileKey& k) { k.device = "other"; }));
  EXPECT_TRUE(missing([](ProfileKey& k) { k.provider = "cuda"; }));
  EXPECT_TRUE(missing([](ProfileKey& k) { k.precision = "int8"; }));
  EXPECT_TRUE(missing([](ProfileKey& k) { k.threads = 1; }));
  EXPECT_TRUE(missing([](ProfileKey& k) { k.batch = 8; }));
}

}  // namespace
}  // namespace eenet
