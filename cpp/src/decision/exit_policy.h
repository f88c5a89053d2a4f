#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "eenet/export.h"

#include "decision/combiner.h"
#include "decision/exit_rule.h"

namespace EENET_API eenet {

class Readout;

/// When to stop: what a readout merges exits by, and the rule that its features go through. See
/// docs/spec/decision-core.md.
///
/// Immutable; share it freely between threads.
class ExitPolicy {
 public:
  struct Parts {
    std::vector<std::size_t> num_features;               ///< As in ExitRule::Parts.
    std::shared_ptr<const Combiner> combiner;            ///< Null: every exit answers alone.
    std::shared_ptr<const std::vector<Scorer>> scorers;  ///< Likewise.
    std::vector<double> thresholds;                      ///< Likewise.
    bool clamp = false;                                  ///< Likewise.
  };

  /// @throws Error(kSchedule) if a size is wrong, a weight is not finite or a threshold is NaN.
  explicit ExitPolicy(Parts parts);

  std::size_t num_exits() const noexcept { return rule_.num_exits(); }
  std::span<const std::size_t> num_features() const noexcept { return rule_.num_features(); }
  const Combiner* combiner() const noexcept { return combiner_.get(); }
  const ExitRule& rule() const noexcept { return rule_; }
  std::span<const double> thresholds() const noexcept { return rule_.thresholds(); }
  /// Whether exit k never accepts and emits the score 0.
  bool disabled(std::size_t exit) const noexcept { return rule_.disabled(exit); }
  /// SHA-256 of combiner, scorers and clamp, whatever the thresholds; lower-case hex. By it another
  /// machine finds the same rule; docs/spec/handoff.md defines it. Computed when it is first asked
  /// for.
  const std::string& digest() const;
  /// The same policy with other thresholds.
  /// @throws Error(kSchedule) as the constructor.
  ExitPolicy with_thresholds(std::vector<double> thresholds) const;
  /// @throws Error(kInput) unless the policy is made for networks that are read so.
  void check_network(const Readout& readout) const;

 private:
  struct Digest {
    std::once_flag once;
    std::string text;
  };

  std::shared_ptr<const Combiner> combiner_;
  ExitRule rule_;
  std::shared_ptr<Digest> digest_ = std::make_shared<Digest>();  // Copies have the same.
};

/// F_k of each exit as a readout has it.
/// @param given Stands for an exit that the readout knows nothing of, since a slice does not hold
/// it.
std::vector<std::size_t> count_features(const Readout& readout, std::span<const std::size_t> given);

}  // namespace eenet
