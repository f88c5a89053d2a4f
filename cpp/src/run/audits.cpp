#include "run/audits.h"

#include "eenet/error.h"

#include "run/audit_lottery.h"

namespace eenet {

void Audits::begin(std::size_t samples, AuditLottery* lottery) {
  lottery_ = lottery;
  audited_.assign(samples, false);
}

bool Audits::draw(std::size_t sample, std::size_t exit, std::size_t num_exits) {
  const bool last = exit + 1 == num_exits;
  audited_[sample] = !last && lottery_ != nullptr && lottery_->draw();
  return audited_[sample];
}

bool Audits::step(std::size_t sample, std::size_t exit, ExitOutput output, ExitState& state,
                  BatchResult& result) {
  try {
    state.step(exit, output);
  } catch (const Error&) {
    // Outputs that are not finite end the audit; the answer is none the worse.
    return false;
  }
  if (exit + 1 < result.num_exits) return true;
  state.readout().put_answer(sample, result.audits);
  result.audit_agrees[sample] = state.readout().agrees(sample, result) ? 1 : 0;
  return false;
}

}  // namespace eenet
