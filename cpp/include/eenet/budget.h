#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eenet/export.h"
#include "eenet/manifest.h"
#include "eenet/schedule.h"

namespace EENET_API eenet {

/// The conditions under which a measured profile holds.
struct ProfileKey {
  std::string device;
  std::string provider;
  std::string precision;
  std::int64_t threads = 1;
  std::int64_t batch = 1;
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

  /// @return Index of the schedule with the largest budget <= `budget`; none: the budget is above
  ///   the full cost, run full depth.
  /// @throws Error(kBudget) with the feasible range if the budget cannot be met, or with the way
  ///   out if there are no costs.
  std::optional<std::size_t> choose(double budget) const;

 private:
  [[noreturn]] void refuse(double budget) const;

  std::vector<std::shared_ptr<const Schedule>> schedules_;
  std::string unit_;
  std::optional<Profile> profile_;
  std::vector<double> budgets_;
};

/// @return The measured profile that was made under these conditions, or null.
const Profile* find_profile(const std::vector<Profile>& profiles, const ProfileKey& key);

}  // namespace eenet
