#include "bundle/costs.h"

#include <algorithm>
#include <cmath>

#include "util/text.h"

namespace eenet {

void check_costs(const std::vector<double>& costs, std::size_t num_exits, ErrorCode code,
                 const std::string& what) {
  if (costs.size() != num_exits) {
    throw Error(code, cat(what, ": ", costs.size(), " costs came, one for each of the ", num_exits,
                          " exits expected"));
  }
  const bool positive = std::all_of(costs.begin(), costs.end(),
                                    [](double cost) { return cost > 0 && std::isfinite(cost); });
  if (!positive || !std::is_sorted(costs.begin(), costs.end())) {
    throw Error(code, cat(what, ": [", join(costs),
                          "] came, positive, finite, non-decreasing costs expected"));
  }
}

void check_unit(std::string_view unit, ErrorCode code, const std::string& what) {
  if (unit != "ms" && unit != "flops" && unit != "params") {
    throw Error(code,
                cat(what, ": ", quote_name(unit), " came, 'ms', 'flops' or 'params' expected"));
  }
}

}  // namespace eenet
