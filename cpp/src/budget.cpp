#include "eenet/budget.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {
namespace {

bool same_costs(const std::vector<double>& a, const std::vector<double>& b) {
  // Far below what a measurement resolves; above what printing and reading a number changes.
  constexpr double kRelative = 1e-9;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::abs(x - y) <= kRelative * std::max(std::abs(x), std::abs(y));
  });
}

struct CostMoments {
  double mean = 0;
  double deviation = 0;
};

CostMoments moments(const std::vector<double>& shares, const std::vector<double>& costs) {
  double mean = 0;
  double square = 0;
  for (std::size_t k = 0; k < costs.size(); ++k) {
    mean += shares[k] * costs[k];
    square += shares[k] * costs[k] * costs[k];
  }
  return {mean, std::sqrt(std::max(0.0, square - mean * mean))};
}

double budget_under(const Schedule& schedule, const std::vector<double>& costs) {
  if (same_costs(schedule.costs, costs)) return schedule.budget;
  const CostMoments fitted = moments(schedule.calibration_shares, schedule.costs);
  const CostMoments here = moments(schedule.calibration_shares, costs);
  // The margin is a multiple of the deviation of one sample's cost.
  const double scale = fitted.deviation > 0 ? here.deviation / fitted.deviation : 0;
  return here.mean + schedule.margin * scale;
}

std::optional<Profile> profile_in_unit(const std::string& unit, std::optional<Profile> measured,
                                       const std::vector<Profile>& profiles) {
  if (unit == "ms") return measured;
  const auto found = std::find_if(profiles.begin(), profiles.end(),
                                  [&unit](const Profile& each) { return each.unit == unit; });
  return found == profiles.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

BudgetTable::BudgetTable(std::vector<std::shared_ptr<const Schedule>> schedules,
                         std::optional<Profile> measured, const std::vector<Profile>& profiles)
    : schedules_(std::move(schedules)),
      unit_(schedules_.empty() ? "ms" : schedules_.front()->unit),
      profile_(profile_in_unit(unit_, std::move(measured), profiles)) {
  if (!profile_ && unit_ != "ms") {
    // Counts do not depend on the device, so the schedules' own are as good as a profile.
    profile_.emplace();
    profile_->unit = unit_;
    profile_->costs = schedules_.front()->costs;
  }
  if (!profile_) return;
  for (const auto& schedule : schedules_) {
    budgets_.push_back(budget_under(*schedule, profile_->costs));
  }
}

std::optional<std::size_t> BudgetTable::choose(double budget) const {
  if (!profile_) {
    throw Error(ErrorCode::kBudget,
                "budget: the bundle has no cost profile for this device, provider and number of "
                "threads, so that nothing says what a budget in ms buys; measure one, or pass "
                "cost_profile= to load");
  }
  // Also refuses NaN.
  if (!(budget >= profile_->costs.front())) refuse(budget);
  if (budget > profile_->costs.back()) return std::nullopt;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    if (budgets_[i] <= budget && (!best || budgets_[i] >= budgets_[*best])) best = i;
  }
  if (!best) refuse(budget);
  return best;
}

void BudgetTable::refuse(double budget) const {
  const double full = profile_->costs.back();
  if (budgets_.empty()) {
    throw Error(ErrorCode::kBudget, cat("budget: ", budget, " ", unit_,
                                        " came; the bundle has no schedules, so only "
                                        "full depth, above ",
                                        full, " ", unit_, ", is to be had"));
  }
  const double least =
      std::max(profile_->costs.front(), *std::min_element(budgets_.begin(), budgets_.end()));
  throw Error(ErrorCode::kBudget, cat("budget: ", budget, " ", unit_, " came, ", least, " to ",
                                      full, " ", unit_, " expected"));
}

const Profile* find_profile(const std::vector<Profile>& profiles, const ProfileKey& key) {
  const auto found = std::find_if(profiles.begin(), profiles.end(), [&key](const Profile& each) {
    return each.unit == "ms" && each.device == key.device && each.provider == key.provider &&
           each.precision == key.precision && each.threads == key.threads &&
           each.batch == key.batch;
  });
  return found == profiles.end() ? nullptr : &*found;
}

}  // namespace eenet
