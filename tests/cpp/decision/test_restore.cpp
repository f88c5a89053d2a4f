#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "decision/exit_state.h"
#include "support.h"

namespace eenet {
namespace {

using test::class_state;
using test::edit;
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
      for (std::size_t k = 0; k < 4; ++k) there.step(k, std::vector<float>{5, 5, 6});
      there.begin(&policy);
      for (std::size_t k = 0; k < cut; ++k) {
        const ExitState::Step step = here.step(k, logits[k]);
        there.restore(k, logits[k], here.label(), step.score);
      }
      for (std::size_t k = cut; k < 4; ++k) {
        const ExitState::Step expected = here.step(k, logits[k]);
        const ExitState::Step step = there.step(k, logits[k]);
        EXPECT_EQ(step.score, expected.score);
        EXPECT_EQ(step.accept, expected.accept);
        EXPECT_EQ(there.label(), here.label());
        EXPECT_TRUE(
            std::equal(here.features().begin(), here.features().end(), there.features().begin()))
            << "cut " << cut << ", exit " << k;
      }
      EXPECT_TRUE(
          std::equal(here.scores(3).begin(), here.scores(3).end(), there.scores(3).begin()));
      for (std::size_t k = 0; k < 4; ++k) {
        EXPECT_EQ(there.readout().label(k), here.readout().label(k));
      }
    }
  }
}

}  // namespace
}  // namespace eenet
