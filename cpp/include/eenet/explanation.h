#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// What one input of a scorer adds to a score.
struct Contribution {
  /// `p(CLASS)`, `maximum`, `certainty`, `vote`, `margin` or `score of exit K`.
  std::string name;
  double value = 0;
};

/// Why an exit accepted a sample or passed it on.
///
/// The score before it is clamped is the sum of the contributions, `others` and `bias`. With a
/// hidden layer they are those of the linear map that holds around this sample: the units that are
/// off add nothing.
struct ExitExplanation {
  std::size_t exit = 0;
  std::size_t label = 0;  ///< What the exit answers.
  float score = 0;        ///< As emitted; 0 at a disabled exit and the last one.
  double threshold = 0;   ///< +inf: disabled. The last exit accepts whatever the score.
  bool accepted = false;  ///< By score, or because it is the last.
  std::vector<Contribution> contributions;  ///< The largest ones by size; none without a score.
  double others = 0;                        ///< Sum of the contributions that are not listed.
  double bias = 0;                          ///< What no input of the scorer has a part in.
  double time_ms = 0;  ///< Computing the segment, the exit head and the decision.
};

}  // namespace eenet
