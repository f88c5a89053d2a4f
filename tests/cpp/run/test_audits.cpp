#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "run/audit_lottery.h"
#include "run/audits.h"
#include "support.h"

namespace eenet {
namespace {

using test::Logits;

constexpr std::size_t kExits = 3;
const std::vector<float> kLogits = {0, 2, 1};

BatchResult result_of(std::size_t samples) {
  BatchResult result;
  result.num_exits = kExits;
  result.num_classes = kLogits.size();
  result.labels.assign(samples, 1);
  result.audit_agrees.assign(samples, kNotAudited);
  result.audits.labels.resize(samples);
  return result;
}

TEST(Audits, NobodyTakesPartWithoutALottery) {
  Audits audits;
  audits.begin(2, nullptr);
  EXPECT_FALSE(audits.draw(0, 0, kExits));
  EXPECT_FALSE(audits.includes(0));
}

TEST(Audits, WhoLeavesAtTheLastExitHasNothingToBeComparedWith) {
  AuditLottery everybody(1, 0);
  Audits audits;
  audits.begin(2, &everybody);
  EXPECT_TRUE(audits.draw(0, 1, kExits));
  EXPECT_FALSE(audits.draw(1, 2, kExits));
  EXPECT_TRUE(audits.includes(0));
  EXPECT_FALSE(audits.includes(1));
  audits.begin(2, &everybody);
  EXPECT_FALSE(audits.includes(0)) << "that was the call before";
}

TEST(Audits, TheLastExitAnswers) {
  ExitState state = test::class_state(kExits, kLogits.size());
  state.begin(nullptr);
  BatchResult result = result_of(2);
  EXPECT_TRUE(Audits::step(1, 1, Logits(kLogits), state, result));
  EXPECT_FALSE(result.audited(1));
  EXPECT_FALSE(Audits::step(1, 2, Logits(kLogits), state, result));
  EXPECT_EQ(result.audits.labels[1], 1);
  EXPECT_EQ(result.audit_agrees, (std::vector<std::int8_t>{kNotAudited, 1}));
  result.labels[0] = 2;
  EXPECT_FALSE(Audits::step(0, 2, Logits(kLogits), state, result));
  EXPECT_EQ(result.audit_agrees, (std::vector<std::int8_t>{0, 1}));
}

TEST(Audits, LogitsThatAreNotFiniteEndThem) {
  ExitState state = test::class_state(kExits, kLogits.size());
  state.begin(nullptr);
  BatchResult result = result_of(1);
  const std::vector<float> bad = {0, std::numeric_limits<float>::infinity(), 0};
  EXPECT_FALSE(Audits::step(0, 1, Logits(bad), state, result));
  EXPECT_FALSE(result.audited(0));
}

}  // namespace
}  // namespace eenet
