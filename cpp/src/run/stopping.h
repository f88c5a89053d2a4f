#pragma once

#include <cstddef>
#include <optional>

#include "eenet/manifest.h"
#include "eenet/result.h"

#include "run/run_options.h"

namespace eenet {

/// Where all samples of a call leave that are still there, whatever their scores.
class Stopping {
 public:
  /// @param manifest,options Outlive it.
  /// @param first_exit That the call begins with.
  /// @throws Error(kInput) if the options contradict each other, Error(kBudget) if not even the
  ///   first exit would keep the deadline.
  Stopping(const Manifest& manifest, const RunOptions& options, std::size_t first_exit);

  /// Why they leave at this exit, if they do.
  /// @param elapsed_ms Of the deadline.
  std::optional<StopReason> at(std::size_t exit, double elapsed_ms) const;

 private:
  const Manifest& manifest_;
  const RunOptions& options_;
};

}  // namespace eenet
