#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {

/// @throws Error(kSchedule) with the complaint unless the condition holds.
inline void expect_schedule(bool condition, const std::string& complaint) {
  if (!condition) throw Error(ErrorCode::kSchedule, complaint);
}

/// @throws Error(kSchedule) unless there are so many numbers, all finite.
inline void check_numbers(std::span<const float> values, std::size_t size,
                          const std::string& what) {
  expect_schedule(values.size() == size,
                  cat(what, ": ", values.size(), " numbers came, ", size, " expected"));
  const bool finite =
      std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  expect_schedule(finite, cat(what, ": NaN or infinity came, finite numbers expected"));
}

}  // namespace eenet
