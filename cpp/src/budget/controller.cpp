#include "budget/controller.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {
namespace {

// Costs are rounded to 2^-30 of full cost, which moves a mean by less than 1e-9 of it; the account
// has room for a debt of 2^32 samples at full cost.
constexpr int kFractionBits = 30;

void check_least(std::optional<std::int64_t> value, std::int64_t least, std::string_view what) {
  if (!value || *value >= least) return;
  throw Error(ErrorCode::kInput, cat(what, ": ", *value, " came, at least ", least, " expected"));
}

void check(const ControllerOptions& options) {
  if (!options.horizon && !options.window) {
    throw Error(ErrorCode::kInput,
                "horizon and window: neither came, at least one of them expected");
  }
  check_least(options.horizon, 1, "horizon");
  check_least(options.window, 1, "window");
  check_least(options.neighbours, 0, "neighbours");
}

std::size_t target_of(const BudgetTable& table, const Budget& budget) {
  if (const std::optional<std::size_t> target = table.choose(budget)) return *target;
  const double full = table.profile()->costs.back();
  throw Error(ErrorCode::kBudget,
              cat("budget: ", table.cost_of(budget), " ", table.unit(), " came, at most ", full,
                  " ", table.unit(), " expected, the cost of full depth"));
}

}  // namespace

Controller::Controller(const BudgetTable& table, const ControllerOptions& options)
    : budget_(table.cost_of(options.budget)),
      horizon_(options.horizon),
      window_(options.window.value_or(std::numeric_limits<std::int64_t>::max())) {
  check(options);
  const std::size_t target = target_of(table, options.budget);
  const std::vector<double>& budgets = table.budgets();
  std::vector<std::size_t> order(budgets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return budgets[a] < budgets[b]; });
  const auto middle = std::find(order.begin(), order.end(), target);
  const auto reach = [&options](std::int64_t most) {
    return std::min(options.neighbours.value_or(most), most);
  };
  schedules_.assign(middle - reach(middle - order.begin()),
                    middle + 1 + reach(order.end() - middle - 1));
  for (const std::size_t schedule : schedules_) budgets_.push_back(budgets[schedule]);

  const std::vector<double>& costs = table.profile()->costs;
  exponent_ = std::ilogb(costs.back());
  quantum_ = std::ldexp(1.0, exponent_ - kFractionBits);
  for (const double cost : costs) gains_.push_back(gain(cost));
}

std::int64_t Controller::gain(double cost) const noexcept {
  return std::llround(std::ldexp(budget_ - cost, kFractionBits - exponent_));
}

double Controller::surplus() const noexcept {
  return quantum_ * static_cast<double>(account_.load(std::memory_order_relaxed));
}

std::size_t Controller::choose() const noexcept {
  std::int64_t span = window_;
  if (horizon_) {
    span = std::min(span, *horizon_ - count_.load(std::memory_order_relaxed) % *horizon_);
  }
  const double allowed = budget_ + surplus() / static_cast<double>(span);
  const auto above = std::lower_bound(budgets_.begin(), budgets_.end(), allowed);
  auto closest = above;
  if (above == budgets_.end() ||
      (above != budgets_.begin() && allowed - *(above - 1) <= *above - allowed)) {
    closest = above - 1;
  }
  return schedules_[static_cast<std::size_t>(closest - budgets_.begin())];
}

void Controller::record(std::size_t exit) noexcept {
  book(gains_[exit]);
}

void Controller::record_cost(double cost) noexcept {
  book(gain(cost));
}

void Controller::book(std::int64_t gained) noexcept {
  account_.fetch_add(gained, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace eenet
