#include "report.h"

#include <iomanip>
#include <sstream>

#include <nlohmann/json.hpp>

#include "util/text.h"

namespace eenet::tools {
namespace {

using nlohmann::json;

/// What the exits passed put out: a list of tensors each, their numbers row by row.
json outputs_entry(const Result& result) {
  json exits = json::array();
  auto number = result.outputs.begin();
  for (const auto& shapes : result.output_shapes) {
    json tensors = json::array();
    for (const std::vector<std::int64_t>& shape : shapes) {
      const auto size = static_cast<std::ptrdiff_t>(count_elements(shape));
      tensors.push_back(std::vector<float>(number, number + size));
      number += size;
    }
    exits.push_back(tensors);
  }
  return exits;
}

json sample_entry(const Manifest& manifest, const Result& result) {
  json entry = {{"exit", result.exit},
                {"stopped_by", stop_reason_name(result.stopped_by)},
                {"scores", result.scores}};
  if (result.probabilities.empty()) {
    entry["value"] = result.value;
  } else {
    entry["label"] = result.label;
    entry["class"] = manifest.class_names[result.label];
    entry["probability"] = result.probabilities[result.label];
  }
  if (!result.outputs.empty()) entry["outputs"] = outputs_entry(result);
  return entry;
}

/// What was answered, in words.
std::string answer_text(const Manifest& manifest, const Result& result) {
  if (result.probabilities.empty()) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < result.value.size(); ++i) {
      values.push_back(cat(quote_name(manifest.target_names[i]), " ", result.value[i]));
    }
    return join(values);
  }
  std::ostringstream out = text_stream();
  out << std::fixed << "label " << result.label << " "
      << quote_name(manifest.class_names[result.label]) << ", probability " << std::setprecision(4)
      << result.probabilities[result.label];
  return out.str();
}

}  // namespace

std::string text_report(const Manifest& manifest, const std::vector<Result>& results) {
  std::ostringstream out = text_stream();
  out << std::fixed;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    if (results.size() > 1) out << "sample " << i << ": ";
    out << answer_text(manifest, result) << ", exit " << result.exit
        << (result.complete() ? "" : ", to be handed on") << "\n";
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
