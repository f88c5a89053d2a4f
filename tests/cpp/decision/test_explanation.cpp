#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/result.h"

#include "decision/readout/classification.h"
#include "decision/score_parts.h"

namespace eenet {
namespace {

const std::vector<std::string> kClasses = {"cat", "dog"};
// p(cat), p(dog), maximum, certainty, vote, margin; then the score of exit 0.
const std::vector<double> kInputs = {0.25, 0.75, 0.75, 0.5, 1, 0.5, 0.5};

std::string name(std::size_t input) {
  return input < 6 ? Classification(2, 2).feature_name(0, input, kClasses) : "score of exit 0";
}

TEST(Explanation, TakesALinearScoreApart) {
  Scorer scorer;
  scorer.weight = {4, -2, 1, 0, 0.5F, 0, -6};
  scorer.bias = {0.125F};
  const ExitExplanation found = explain_score(scorer, kInputs, name, 3);
  ASSERT_EQ(found.contributions.size(), 3U);
  EXPECT_EQ(found.contributions[0].name, "score of exit 0");
  EXPECT_EQ(found.contributions[0].value, -3);
  EXPECT_EQ(found.contributions[1].name, "p(dog)");
  EXPECT_EQ(found.contributions[1].value, -1.5);
  EXPECT_EQ(found.contributions[2].name, "p(cat)");
  EXPECT_EQ(found.contributions[2].value, 1);
  EXPECT_EQ(found.others, 0.75 + 0.5);
  EXPECT_EQ(found.bias, 0.125);
}

TEST(Explanation, NamesTheConfidenceMeasures) {
  Scorer scorer;
  scorer.weight = {0, 0, 8, 4, 1, 1, 0};
  scorer.bias = {0};
  std::vector<std::string> names;
  for (const auto& each : explain_score(scorer, kInputs, name, 4).contributions) {
    names.push_back(each.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"maximum", "certainty", "vote", "margin"}));
}

TEST(Explanation, OfAHiddenLayerLeavesOutUnitsThatAreOff) {
  Scorer scorer;
  scorer.weight = {1, 0, 0, 0, 0, 0, 0,   // On: 0.25 + 1.
                   0, 1, 0, 0, 0, 0, 0};  // Off: 0.75 - 2.
  scorer.bias = {1, -2};
  scorer.out_weight = {2, 100};
  scorer.out_bias = 0.5F;
  const ExitExplanation found = explain_score(scorer, kInputs, name, 1);
  EXPECT_EQ(found.contributions[0].name, "p(cat)");
  EXPECT_EQ(found.contributions[0].value, 0.5);
  EXPECT_EQ(found.others, 0);
  EXPECT_EQ(found.bias, 2.5);
}

}  // namespace
}  // namespace eenet
