#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "eenet/backend.h"
#include "eenet/budget.h"
#include "eenet/export.h"
#include "eenet/manifest.h"
#include "eenet/schedule.h"
#include "eenet/segment.h"

namespace EENET_API eenet {

class LoadWatch;

struct LoadOptions {
  /// Threads that compute one sample; the same for every model of the process.
  int threads = 1;
  /// Milliseconds per sample leaving at each exit, in place of the bundle's profiles; none: use
  /// the profile that was measured on such a device.
  std::optional<std::vector<double>> cost_profile;
  /// Execution providers, in order of preference; see OnnxRuntimeOptions.
  std::vector<ProviderSpec> providers = {{"cpu"}};
  OnnxRuntimeFiles files = {};
  /// How long the load may take; none: as long as it likes. With ONNX Runtime before 1.22 the
  /// opening of a segment cannot be ended, only what comes before and after it.
  std::optional<std::chrono::duration<double>> timeout;
  /// Bytes of memory that the load may take; none: what there is. Counted before it is taken: the
  /// segments' files, the largest file once more, and the tensors of the largest sample. On Linux
  /// also watched: what the process grows by meanwhile, whoever makes it grow.
  std::optional<std::uint64_t> memory_limit = std::uint64_t{4} << 30U;
  /// Ends the load with Error(kCancelled).
  std::stop_token stop;
};

/// A loaded bundle: segments, schedules and costs. Immutable; shared by Runners on any thread.
class Model {
 public:
  /// Reads, checks and opens every file of the bundle. Nothing is computed: a Runtime does that,
  /// and Runtime::load() keeps the limits until it has.
  /// @throws Error(kBundle, kSchedule, kBackend, kConfiguration, kInput) naming what is wrong;
  ///   Error(kTimeout, kCancelled).
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
  friend class Runtime;

  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const LoadOptions& options,
                                           std::shared_ptr<const Backend> backend,
                                           LoadWatch& watch);
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
