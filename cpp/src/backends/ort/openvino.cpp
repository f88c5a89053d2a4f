#include "backends/ort/openvino.h"

#include "eenet/error.h"

#include "util/json.h"
#include "util/text.h"

namespace eenet::ort {

std::string openvino_load_config(const std::string& given, const std::string& device, int threads) {
  const std::string what = "option 'load_config'";
  nlohmann::json config = nlohmann::json::object();
  if (!given.empty()) config = parse_json(given, what, ErrorCode::kInput);
  const JsonNode root(config, what, ErrorCode::kInput);
  for (const auto& [name, properties] : root.members(64)) {
    // OpenVINO would pass over those of a device that is not in use.
    if (name != device) root.fail(cat("device ", quote_name(name)), device);
    properties.members(256);
  }
  nlohmann::json& properties = config[device];
  properties.emplace("INFERENCE_PRECISION_HINT", "f32");
  if (device == "CPU") properties.emplace("INFERENCE_NUM_THREADS", cat(threads));
  return config.dump();
}

}  // namespace eenet::ort
