#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "eenet/budget.h"

namespace eenet {

/// How often the full cost in force a sample of its own costs may cost.
inline constexpr double kLargestCost = 1e6;

/// Keeps a mean cost on data that cost more or less than those the schedules were calibrated on,
/// by switching between schedules.
///
/// The account is what the samples so far were allowed to cost less what they did cost. After i
/// samples the next one may cost the budget plus the account divided by n - i (horizon of n
/// samples) or by the window, the smaller of the two; the schedule whose own budget is closest is
/// chosen, the lower of two as close. A switch costs nothing, so there is no hysteresis: going back
/// and forth between two schedules is how a mean between theirs comes about. Nothing is forgiven: a
/// debt that not even the lowest schedule could avoid is worked off when samples become easier.
///
/// Thread-safe and wait-free. Samples that are chosen for and not recorded yet are not in the
/// account.
class Controller {
 public:
  /// @param table Schedules in any order of budgets; not kept.
  /// @throws Error(kBudget) if the budget is not between what the lowest schedule and full depth
  ///   cost, or there are no costs; Error(kInput) for the other options.
  Controller(const BudgetTable& table, const ControllerOptions& options);

  /// @return Index in the table of the schedule for the next sample.
  std::size_t choose() const noexcept;
  /// Books a sample that left at this exit.
  void record(std::size_t exit) noexcept;
  /// Books a sample of a cost of its own.
  /// @param cost At most kLargestCost times full cost.
  void record_cost(double cost) noexcept;
  /// The account, in the unit of the table; negative: a debt.
  double surplus() const noexcept;

 private:
  /// What a sample of this cost adds to account_.
  std::int64_t gain(double cost) const noexcept;
  void book(std::int64_t gained) noexcept;

  double budget_;
  std::optional<std::int64_t> horizon_;
  std::int64_t window_;  // The largest number if there is none.
  int exponent_;         // Of full cost.
  double quantum_;       // What 1 in account_ is worth.
  // Budgets of the schedules that may be used, ascending, and their indices in the table.
  std::vector<double> budgets_;
  std::vector<std::size_t> schedules_;
  std::vector<std::int64_t> gains_;  // What a sample that leaves at exit k adds to account_.
  // Whole numbers, so that the order in which threads record makes no difference.
  std::atomic<std::int64_t> account_{0};
  std::atomic<std::int64_t> count_{0};
};

}  // namespace eenet
