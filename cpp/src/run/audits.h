#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "eenet/result.h"

#include "decision/exit_state.h"

namespace eenet {

class AuditLottery;

/// The samples of a call that have their answer and run to the last exit all the same.
class Audits {
 public:
  /// Begins a call without any.
  /// @param lottery Says which they are; null: none.
  void begin(std::size_t samples, AuditLottery* lottery);

  bool includes(std::size_t sample) const { return audited_[sample]; }

  /// Takes a sample in that leaves at this exit, if its number comes up.
  /// @return Whether it goes on.
  bool draw(std::size_t sample, std::size_t exit, std::size_t num_exits);

  /// Takes a sample that is in one exit further; what the last exit answers goes into the result.
  /// @return Whether it goes on.
  static bool step(std::size_t sample, std::size_t exit, ExitOutput output, ExitState& state,
                   BatchResult& result);

 private:
  AuditLottery* lottery_ = nullptr;
  std::vector<bool> audited_;
};

}  // namespace eenet
