#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "eenet/budget.h"
#include "eenet/manifest.h"
#include "eenet/options.h"
#include "eenet/schedule.h"

#include "backends/backend.h"
#include "backends/segment.h"
#include "bundle/schedule_file.h"

namespace eenet {

class LoadWatch;

/// A loaded bundle: segments, schedules and costs. Immutable; shared by Runners on any thread.
class Model {
 public:
  /// Reads, checks and opens every file of the bundle. Nothing is computed: a Runtime does that,
  /// and load_runtime() keeps the limits until it has.
  /// @throws Error(kBundle, kSchedule, kBackend, kConfiguration, kInput) naming what is wrong;
  ///   Error(kTimeout, kCancelled).
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const LoadOptions& options,
                                           std::shared_ptr<const Backend> backend);

  /// As above, within the limits of a load that goes on.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const LoadOptions& options,
                                           std::shared_ptr<const Backend> backend,
                                           LoadWatch& watch);

  const Manifest& manifest() const noexcept { return manifest_; }
  const std::vector<std::unique_ptr<Segment>>& segments() const noexcept { return segments_; }
  const Backend& backend() const noexcept { return *backend_; }
  int threads() const noexcept { return threads_; }
  const BudgetTable& budgets() const noexcept { return budgets_; }
  /// The schedule that the bundle puts in force; none: full depth.
  std::optional<std::size_t> active() const noexcept { return active_; }

 private:
  Model(Manifest manifest, std::shared_ptr<const Backend> backend, ScheduleFile schedules,
        const LoadOptions& options);

  Manifest manifest_;
  std::shared_ptr<const Backend> backend_;
  int threads_;
  BudgetTable budgets_;
  std::optional<std::size_t> active_;
  std::vector<std::unique_ptr<Segment>> segments_;
};

}  // namespace eenet
