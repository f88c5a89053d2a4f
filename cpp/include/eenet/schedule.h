#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eenet/exit_policy.h"
#include "eenet/export.h"

namespace EENET_API eenet {

/// An exit policy fitted for one budget, and how it was fitted. Immutable.
struct Schedule {
  std::string policy;         ///< Name of the fitted policy: information only.
  double budget = 0;          ///< Mean cost per sample asked for.
  std::string unit;           ///< `ms`, `flops` or `params`.
  std::vector<double> costs;  ///< Of the K exits, as fitted for.
  double margin = 0;          ///< Held back of the budget for the size of the calibration sample.
  std::int64_t calibration_samples = 0;
  std::vector<double> calibration_shares;  ///< Of samples leaving at each exit; K.
  std::shared_ptr<const ExitPolicy> exit_policy;
};

/// scheduler.safetensors, checked.
struct ScheduleFile {
  std::string network;  ///< Id of the bundle that the schedules were fitted for.
  std::size_t num_exits = 0;
  std::size_t num_classes = 0;
  std::optional<std::size_t> active;  ///< In force after load; none: full depth.
  std::vector<std::shared_ptr<const Schedule>> schedules;  ///< Ascending budgets, one unit.
};

/// Parses and checks the bytes of a scheduler file. Schedules share scorers and combiners.
/// @throws Error(kSchedule) naming the object, what came and what was expected.
ScheduleFile parse_schedules(std::span<const std::byte> bytes);

/// Reads a scheduler file outside a bundle.
/// @throws Error(kSchedule) if it cannot be read or is not valid.
ScheduleFile read_schedules(const std::filesystem::path& path);

}  // namespace eenet
