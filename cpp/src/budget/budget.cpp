#include "eenet/budget.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "eenet/error.h"

#include "budget/profile_key.h"
#include "util/text.h"

namespace eenet {
namespace {

// Far below what a measurement resolves; above what printing and reading a number changes.
constexpr double kRelative = 1e-9;

bool same_costs(const std::vector<double>& a, const std::vector<double>& b) {
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

Budget Budget::parse(std::string_view text) {
  std::string_view digits = text;
  const bool share = digits.ends_with('%');
  if (share) {
    digits.remove_suffix(1);
    if (digits.ends_with(' ')) digits.remove_suffix(1);  // As the SI writes it.
  }
  double number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || last != end || !std::isfinite(number) || number <= 0) {
    throw Error(ErrorCode::kInput,
                cat(quote_name(text),
                    " came, a number above 0 or a share of full cost, as '65%', expected"));
  }
  return share ? Budget::share(number / 100) : Budget(number);
}

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
  if (profile_) {
    costs_ = profile_->costs;
  } else if (!schedules_.empty()) {
    costs_ = schedules_.front()->costs;
  }
  for (const auto& schedule : schedules_) kept_.push_back(budget_under(*schedule, costs_));
  if (profile_) budgets_ = kept_;
}

double BudgetTable::cost_of(const Budget& budget) const {
  if (budget.is_share && budget.value > 1 + kRelative) {
    throw Error(ErrorCode::kBudget, cat("budget: ", describe(budget),
                                        " came, a share of full cost of at most 100% expected"));
  }
  if (!profile_ && (!budget.is_share || costs_.empty())) {
    throw Error(ErrorCode::kBudget,
                "budget: the bundle has no cost profile for this device, provider and number of "
                "threads, so that nothing says what a budget in ms buys; ask for a share of full "
                "cost, as '65%', measure a profile with `eenet-schedule refit --measure`, or pass "
                "cost_profile= to load");
  }
  return budget.is_share ? budget.value * costs_.back() : budget.value;
}

std::optional<std::size_t> BudgetTable::choose(const Budget& budget) const {
  const double most = cost_of(budget) * (1 + kRelative);
  // Also refuses NaN.
  if (!(most >= costs_.front())) refuse(budget);
  if (!budget.is_share && budget.value > costs_.back()) return std::nullopt;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i] <= most && (!best || kept_[i] >= kept_[*best])) best = i;
  }
  if (!best) refuse(budget);
  return best;
}

std::string BudgetTable::full_depth_notice(const Budget& budget) const {
  const double full = costs_.back();
  return cat("budget: ", describe(budget), " is above the full cost of ", describe(full),
             ": full depth runs, without early exits; for a share of full cost ask as for '65%'");
}

/// As it was asked for.
std::string BudgetTable::describe(const Budget& budget) const {
  return budget.is_share ? cat(100 * budget.value, "%") : cat(budget.value, " ", unit_);
}

void BudgetTable::refuse(const Budget& budget) const {
  const double full = costs_.back();
  const auto both = [&](double cost) {
    return cat(describe(cost), " (", describe(Budget::share(cost / full)), ")");
  };
  if (kept_.empty()) {
    throw Error(ErrorCode::kBudget, cat("budget: ", describe(budget),
                                        " came; the bundle has no schedules, so only "
                                        "full depth, above ",
                                        describe(full), ", is to be had"));
  }
  const double first = costs_.front();
  const double least = std::max(first, *std::min_element(kept_.begin(), kept_.end()));
  const std::string why =
      least > first * (1 + kRelative)
          ? cat("which the bundle's schedules keep; `eenet-schedule refit` fits others, from ",
                both(first), " on, the cost of the first exit")
          : std::string("from the cost of the first exit to that of full depth");
  const bool share_meant = !budget.is_share && budget.value >= 0.01 && budget.value <= 1;
  const std::string hint = share_meant ? cat("; that share of full cost is '",
                                             describe(Budget::share(budget.value)), "'")
                                       : std::string();
  throw Error(ErrorCode::kBudget,
              cat("budget: ", describe(budget), " came, ", least, " to ", full, " ", unit_, " (",
                  describe(Budget::share(least / full)), " to 100%) expected, ", why, hint));
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
