#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/export.h"
#include "eenet/manifest.h"
#include "eenet/schedule.h"

namespace EENET_API eenet {

/// Mean cost per sample that is asked for: a number in the unit of the schedules, or a share of
/// full cost, which means the same on every device.
struct Budget {
  Budget(double number) : value(number) {}  // Implicit: a plain number is a budget.
  static Budget share(double of_full_cost) {
    Budget budget(of_full_cost);
    budget.is_share = true;
    return budget;
  }
  /// Reads `65%`, `65 %` or `2.5`.
  /// @throws Error(kInput) if it is neither.
  static Budget parse(std::string_view text);

  double value;
  bool is_share = false;
};

/// A mean cost to be kept over a stream of samples, whatever they cost; see Runtime::set_budget().
struct ControllerOptions {
  /// Mean cost per sample to be realised.
  Budget budget = 0;
  /// Samples over which the budget is to hold. When they are over a new horizon of as many starts,
  /// and what the last one left over or owes carries into it.
  std::optional<std::int64_t> horizon;
  /// Samples over which a surplus or debt is to be worked off, or what is left of the horizon where
  /// that is less. At least one of horizon and window. A short window reacts to a change of the
  /// data in time, a horizon alone may do so too late; the longer it is the less switching.
  std::optional<std::int64_t> window;
  /// How many schedules on either side of the target's may be used; none: all.
  std::optional<std::int64_t> neighbours = 1;
};

/// Which schedule meets which budget, under the costs of this device. Immutable.
///
/// A schedule's own budget stands where the costs are those it was fitted for. Under other costs
/// its budget is what it is expected to cost at most: the mean over its calibration shares plus its
/// margin, scaled with the deviation of a sample's cost.
class BudgetTable {
 public:
  /// @param measured The ms costs of this device, if known.
  /// @param profiles The bundle's; `flops` and `params` tables hold everywhere.
  BudgetTable(std::vector<std::shared_ptr<const Schedule>> schedules,
              std::optional<Profile> measured, const std::vector<Profile>& profiles);

  /// `ms`, `flops` or `params`: the unit of the budgets and costs.
  const std::string& unit() const noexcept { return unit_; }
  /// The cost table in force; none if the unit is ms and nothing says what this device takes.
  const std::optional<Profile>& profile() const noexcept { return profile_; }
  const std::vector<std::shared_ptr<const Schedule>>& schedules() const noexcept {
    return schedules_;
  }
  /// The budget that each schedule keeps under the costs in force; empty without costs.
  const std::vector<double>& budgets() const noexcept { return budgets_; }

  /// What a sample may cost on average, in the unit. Without costs in force a share is one of what
  /// the first schedule was fitted for.
  /// @throws Error(kBudget) with the way out if there are no costs to go by; if it is a share above
  ///   all of full cost.
  double cost_of(const Budget& budget) const;

  /// @return Index of the schedule with the largest budget <= `budget`; none: the budget is above
  ///   the full cost, run full depth.
  /// @throws Error(kBudget) with the feasible range if the budget cannot be met; as cost_of().
  std::optional<std::size_t> choose(const Budget& budget) const;

  /// What to tell whoever asked for a budget for which choose() has no schedule: that full depth
  /// runs, and what it costs.
  std::string full_depth_notice(const Budget& budget) const;

 private:
  [[noreturn]] void refuse(const Budget& budget) const;
  std::string describe(const Budget& budget) const;

  std::vector<std::shared_ptr<const Schedule>> schedules_;
  std::string unit_;
  std::optional<Profile> profile_;
  std::vector<double> budgets_;
  // What shares go by: costs in force, else those of the first schedule; empty without either.
  std::vector<double> costs_;
  std::vector<double> kept_;  // The budget that each schedule keeps under them.
};

}  // namespace eenet
