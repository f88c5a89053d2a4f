#include "run/stopping.h"

#include "eenet/error.h"

#include "budget/segment_times.h"
#include "util/text.h"

namespace eenet {
namespace {

void check_exit(const char* what, std::optional<std::size_t> exit, std::size_t first,
                std::size_t end) {
  if (!exit || (*exit >= first && *exit < end)) return;
  throw Error(ErrorCode::kInput,
              cat(what, ": ", *exit, " came, ", first, " to ", end - 1, " expected"));
}

void check_deadline(const RunOptions& options, std::size_t first_exit) {
  if (!options.deadline_ms) return;
  const double deadline = *options.deadline_ms;
  // Also refuses NaN.
  if (!(deadline > 0)) {
    throw Error(ErrorCode::kInput, cat("deadline_ms: ", deadline, " came, above 0 expected"));
  }
  if (options.times != nullptr && !options.times->fits(first_exit, deadline)) {
    throw Error(
        ErrorCode::kBudget,
        cat("deadline_ms: ", deadline, " came, at least ", options.times->p95_ms(first_exit),
            " expected: of late the first exit was there by then in 19 of 20 runs"));
  }
}

}  // namespace

Stopping::Stopping(const Manifest& manifest, const RunOptions& options, std::size_t first_exit)
    : manifest_(manifest), options_(options) {
  check_exit("forced_exit", options.forced_exit, first_exit, manifest.end_exit());
  check_exit("max_exit", options.max_exit, first_exit, manifest.end_exit());
  if (options.forced_exit && (options.max_exit || options.deadline_ms)) {
    throw Error(ErrorCode::kInput,
                cat("forced_exit: ", options.max_exit ? "max_exit" : "deadline_ms",
                    " came with it, one of them expected"));
  }
  check_deadline(options, first_exit);
}

std::optional<StopReason> Stopping::at(std::size_t exit, double elapsed_ms) const {
  if (options_.forced_exit) {
    return exit == *options_.forced_exit ? std::optional(StopReason::kForcedExit) : std::nullopt;
  }
  if (exit + 1 == manifest_.num_exits()) return StopReason::kPolicy;
  if (options_.max_exit == exit) return StopReason::kMaxExit;
  if (options_.deadline_ms && options_.times != nullptr &&
      !options_.times->fits(exit + 1, *options_.deadline_ms - elapsed_ms)) {
    return StopReason::kDeadline;
  }
  if (exit + 1 == manifest_.end_exit()) return StopReason::kHandedOn;
  return std::nullopt;
}

}  // namespace eenet
