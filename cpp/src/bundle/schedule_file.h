#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eenet/schedule.h"

namespace eenet {

/// scheduler.safetensors, checked.
struct ScheduleFile {
  std::string network;  ///< Id of the bundle that the schedules were fitted for.
  std::int64_t feature_spec = 0;
  std::vector<std::size_t> num_features;  ///< F_k, one for each of the K exits.
  std::optional<std::size_t> active;      ///< In force after load; none: full depth.
  std::vector<std::shared_ptr<const Schedule>> schedules;  ///< Ascending budgets, one unit.
  /// Marks of samples that they were fitted on, ascending: the smallest ones, or all if few.
  std::vector<std::string> fitted_on;

  std::size_t num_exits() const noexcept { return num_features.size(); }
};

/// Checks a schedule that was put together and not read.
/// @param what Messages begin with it.
/// @throws Error(kSchedule) naming the field, what came and what was expected.
void check_schedule(const Schedule& schedule, const std::string& what);

/// Parses and checks the bytes of a scheduler file. Schedules share scorers and combiners.
/// @throws Error(kSchedule) naming the object, what came and what was expected.
ScheduleFile parse_schedules(std::span<const std::byte> bytes);

/// Reads a scheduler file outside a bundle.
/// @throws Error(kSchedule) if it cannot be read or is not valid.
ScheduleFile read_schedules(const std::filesystem::path& path);

}  // namespace eenet
