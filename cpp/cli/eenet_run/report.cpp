#include "report.h"

#include <iomanip>
#include <sstream>

#include <nlohmann/json.hpp>

#include "util/text.h"

namespace eenet::tools {
namespace {

using nlohmann::json;

json sample_entry(const Manifest& manifest, const Result& result) {
  json entry = {{"label", result.label},
                {"class", manifest.class_names[result.label]},
                {"probability", result.probabilities[result.label]},
                {"exit", result.exit},
                {"stopped_by", stop_reason_name(result.stopped_by)},
                {"scores", result.scores}};
  if (result.logits.empty()) return entry;
  const auto classes = static_cast<std::ptrdiff_t>(manifest.num_classes());
  entry["logits"] = json::array();
  for (auto row = result.logits.begin(); row != result.logits.end(); row += classes) {
    entry["logits"].push_back(std::vector<float>(row, row + classes));
  }
  return entry;
}

}  // namespace

std::string text_report(const Manifest& manifest, const std::vector<Result>& results) {
  std::ostringstream out = text_stream();
  out << std::fixed;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    if (results.size() > 1) out << "sample " << i << ": ";
    out << "label " << result.label << " " << quote_name(manifest.class_names[result.label])
        << ", probability " << std::setprecision(4) << result.probabilities[result.label]
        << ", exit " << result.exit << (result.complete() ? "" : ", to be handed on") << "\n";
  }
  out << std::setprecision(3) << results.front().latency_ms << " ms, " << results.front().backend_ms
      << " ms of it in the inference library\n";
  return out.str();
}

std::string json_report(const Manifest& manifest, const std::vector<Result>& results) {
  json samples = json::array();
  for (const Result& result : results) samples.push_back(sample_entry(manifest, result));
  const json report = {{"model", manifest.model},
                       {"samples", samples},
                       {"latency_ms", results.front().latency_ms},
                       {"backend_ms", results.front().backend_ms}};
  return report.dump() + "\n";
}

}  // namespace eenet::tools
