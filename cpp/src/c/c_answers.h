#pragma once

#include <cstddef>
#include <vector>

#include "eenet/c_api.h"
#include "eenet/result.h"

/// What the answers of a call are to a C program.
struct eenet_answers {
  std::vector<eenet::Result> results;
};

namespace eenet::c {

/// @throws Error(kInput) unless there is such a sample.
const Result& result_of(const eenet_answers& answers, std::size_t sample);

/// Points into the result.
eenet_answer describe(const Result& result);

/// Points into the result.
/// @throws Error(kInput) if outputs were not asked for, or there is no such exit or tensor.
eenet_output output_of(const Result& result, std::size_t exit, std::size_t tensor);

/// Puts results where a caller's answers are, or into new ones.
void put_answers(std::vector<Result> results, eenet_answers** answers);

}  // namespace eenet::c
