#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/error.h"

namespace eenet {

/// Refuses costs that are not `num_exits` positive, finite, non-decreasing numbers.
/// @throws Error(code), its message starting with `what`.
void check_costs(const std::vector<double>& costs, std::size_t num_exits, ErrorCode code,
                 const std::string& what);

/// Refuses anything but `ms`, `flops` and `params`.
/// @throws Error(code), its message starting with `what`.
void check_unit(std::string_view unit, ErrorCode code, const std::string& what);

}  // namespace eenet
