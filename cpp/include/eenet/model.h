#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eenet/backend.h"
#include "eenet/budget.h"
#include "eenet/export.h"
#include "eenet/manifest.h"
#include "eenet/schedule.h"
#include "eenet/segment.h"

namespace EENET_API eenet {

struct LoadOptions {
  /// Threads that compute one sample; the same for every model of the process.
  int threads = 1;
  /// Milliseconds per sample leaving at each exit, in place of the bundle's profiles; none: use
  /// the profile that was measured on such a device.
  std::optional<std::vector<double>> cost_profile;
  /// ONNX Runtime libraries to try; see OnnxRuntimeOptions.
  std::vector<std::string> library_paths;
};

/// A loaded bundle: segments, schedules and costs. Immutable; shared by Runners on any thread.
class Model {
 public:
  /// Reads, checks and opens every file of the bundle.
  /// @throws Error(kBundle, kSchedule, kBackend, kConfiguration, kInput) naming what is wrong.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const LoadOptions& options);

  /// As above, with segments opened by another backend than ONNX Runtime.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const LoadOptions& options,
                                           std::shared_ptr<const Backend> backend);

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
