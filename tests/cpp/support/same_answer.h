#pragma once

#include <gtest/gtest.h>

#include "eenet/result.h"

namespace eenet::test {

/// The answer, and all that it was decided by.
inline void expect_same_answer(const Result& result, const Result& expected) {
  EXPECT_EQ(result.label, expected.label);
  EXPECT_EQ(result.exit, expected.exit);
  EXPECT_EQ(result.stopped_by, expected.stopped_by);
  EXPECT_EQ(result.probabilities, expected.probabilities);
  EXPECT_EQ(result.scores, expected.scores);
  EXPECT_EQ(result.value, expected.value);
  EXPECT_EQ(result.outputs, expected.outputs);
  EXPECT_EQ(result.output_shapes, expected.output_shapes);
}

}  // namespace eenet::test
