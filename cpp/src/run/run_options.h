#pragma once

#include "eenet/options.h"

#include "decision/exit_policy.h"

namespace eenet {

class AuditLottery;
class SegmentTimes;

/// What a Runner is to do with the samples of one call.
struct RunOptions : CallOptions {
  /// When to stop; null: full depth, where the last exit answers alone.
  const ExitPolicy* policy = nullptr;
  /// What a deadline is kept by; outlives the call. Null: no deadline.
  SegmentTimes* times = nullptr;
  /// Says which of the samples that leave early run to the last exit all the same; outlives the
  /// call. Null: none. Goes with no limit to the exit.
  AuditLottery* audits = nullptr;
};

}  // namespace eenet
