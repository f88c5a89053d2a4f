#include <iomanip>

#include "eenet/drift.h"

#include "util/text.h"

namespace eenet {
namespace {

std::string percent(double share) {
  std::ostringstream out = text_stream();
  out << std::fixed << std::setprecision(1) << 100 * share << " %";
  return out.str();
}

}  // namespace

std::string Alarm::text() const {
  std::ostringstream out = text_stream();
  out << "drift after " << sample << " samples: schedule " << schedule << ", exit " << exit << ": ";
  switch (watched) {
    case Watched::kExits:
      out << percent(seen) << " of the latest samples left";
      break;
    case Watched::kScores:
      out << percent(seen) << " of the latest samples had scores from " << scores->first
          << " to below " << scores->second;
      break;
    case Watched::kAgreement:
      out << "the last exit agreed with " << percent(seen) << " of the latest audited answers";
      break;
  }
  out << ", " << percent(low) << " to " << percent(high) << " expected";
  return out.str();
}

}  // namespace eenet
