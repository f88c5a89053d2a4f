#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "decision/exit_state.h"
#include "support.h"
#include "util/bytes.h"

namespace eenet {
namespace {

using test::class_state;
using test::edit;
using test::label_of;
using test::Logits;
using test::zero_policy;

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(ExitState, RestoredTakesTheSameNextStepToTheBit) {
  ExitPolicy::Parts parts = zero_policy(4, 3, {9, kInf, 9, 0});
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = 0; i < 7 + k; ++i) {
      edit(parts, k).weight[i] = 0.1F * static_cast<float>(i + 1);
    }
  }
  const auto combiner = std::make_shared<const Combiner>(
      4, 3, std::vector<float>{1, 0, 0, 0, 0.3F, 1, 0, 0, 0.2F, 0.7F, 1, 0, 0.1F, 0.4F, 0.6F, 1},
      std::vector<float>(12, 0.125F));
  const std::vector<std::vector<float>> logits = {
      {0.3F, 2.1F, -1}, {1.7F, 0.2F, 0.4F}, {0.1F, 0.9F, 0.8F}, {-0.5F, 1.5F, 1.25F}};
  for (const auto& each : {std::shared_ptr<const Combiner>(), combiner}) {
    parts.combiner = each;
    const ExitPolicy policy(parts);
    for (std::size_t cut = 1; cut < 4; ++cut) {
      ExitState here = class_state(4, 3);
      ExitState there = class_state(4, 3);
      here.begin(&policy);
      there.begin(&policy);
      // Something else ran there before.
      for (std::size_t k = 0; k < 4; ++k) there.step(k, Logits(std::vector<float>{5, 5, 6}));
      there.begin(&policy);
      std::vector<float> outputs;
      for (std::size_t k = 0; k < cut; ++k) {
        here.step(k, Logits(logits[k]));
        outputs.insert(outputs.end(), logits[k].begin(), logits[k].end());
      }
      ByteWriter out;
      here.readout().save(cut, outputs, out);
      ByteReader in(out.bytes(), "readout", ErrorCode::kInput);
      std::vector<float> read(outputs.size());
      there.restore(here.scores(cut - 1), in, read);
      EXPECT_EQ(in.left(), 0U);
      EXPECT_EQ(read, outputs);
      for (std::size_t k = cut; k < 4; ++k) {
        const ExitState::Step expected = here.step(k, Logits(logits[k]));
        const ExitState::Step step = there.step(k, Logits(logits[k]));
        EXPECT_EQ(step.score, expected.score);
        EXPECT_EQ(step.accept, expected.accept);
        EXPECT_EQ(label_of(there), label_of(here));
        EXPECT_TRUE(
            std::equal(here.features().begin(), here.features().end(), there.features().begin()))
            << "cut " << cut << ", exit " << k;
      }
      EXPECT_TRUE(
          std::equal(here.scores(3).begin(), here.scores(3).end(), there.scores(3).begin()));
    }
  }
}

class RestoredClassification : public ::testing::Test {
 protected:
  void expect_refused(const std::vector<std::uint32_t>& labels, const std::vector<float>& logits,
                      const std::vector<std::string>& message) {
    ByteWriter out;
    out.numbers<std::uint32_t>(labels);
    out.numbers<float>(logits);
    const std::vector<float> scores = {0.5F};
    ExitState state = class_state(2, 2);
    state.begin(&policy_);
    test::expect_error(ErrorCode::kInput, message, [&] {
      ByteReader in(out.bytes(), "hand-off", ErrorCode::kInput);
      state.restore(scores, in, {});
    });
  }

  ExitPolicy policy_{zero_policy(2, 2, {9, 0})};
};

TEST_F(RestoredClassification, ChecksWhatItReads) {
  expect_refused({2}, {0, 1}, {"hand-off: labels: 2 came, 0 to 1 expected"});
  expect_refused({1}, {0, std::numeric_limits<float>::infinity()}, {"logits: NaN or infinity"});
  expect_refused({1}, {0}, {"logits: 4 bytes came, 8 expected"});
  expect_refused({}, {}, {"labels: 0 bytes came, 4 expected"});
}

TEST(ExitState, RestoredAtFullDepthTakesAnyLogits) {
  ByteWriter out;
  const std::vector<float> logits = {std::numeric_limits<float>::infinity(), 0};
  ExitState state = class_state(2, 2);
  state.begin(nullptr);
  state.readout().save(1, logits, out);
  ByteReader in(out.bytes(), "hand-off", ErrorCode::kInput);
  std::vector<float> read(2);
  state.restore(std::vector<float>{0}, in, read);
  EXPECT_EQ(read, logits);
}

}  // namespace
}  // namespace eenet
