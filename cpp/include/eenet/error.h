#pragma once

#include <stdexcept>
#include <string>

#include "eenet/export.h"

namespace EENET_API eenet {

/// What kind of thing was wrong. The Python bindings raise one exception class for each.
enum class ErrorCode {
  kBundle,         ///< A bundle is damaged, inconsistent, not understood, or too large to load.
  kSchedule,       ///< A scheduler file or exit policy is malformed or made for another network.
  kInput,          ///< The caller's arguments do not have the dtype, shape or values expected.
  kBudget,         ///< A budget cannot be met, or nothing says what it would cost.
  kBackend,        ///< An inference library is missing, too old, or reported a failure.
  kNonFinite,      ///< An exit put out NaN or infinity, so that it has no answer.
  kConfiguration,  ///< A request contradicts the state of the process or of the bundle.
  kTimeout,        ///< A load took longer than it was allowed to.
  kCancelled,      ///< The caller asked for the end of the call.
};

/// The one exception type of the runtime. The message names the object, what came and what was
/// expected; it is complete without the code, and cut off where it is longer than 2,000 bytes.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace eenet
