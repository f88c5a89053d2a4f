#include "support.h"

#include "eenet/manifest.h"

#include "util/sha256.h"

namespace eenet::test {

nlohmann::json make_manifest(const std::map<std::string, std::string>& files) {
  nlohmann::json manifest = nlohmann::json::parse(R"({
    "format_version": 1, "id": "", "parent": null, "model": "tiny", "task": "classification",
    "class_names": ["cat", "dog", "bird"],
    "preprocessing": {"kind": "image"},
    "symbols": {"batch": {"max": 8}},
    "tensors": {
      "image": {"dtype": "float32", "shape": ["batch", 3, 8, 8]},
      "hidden": {"dtype": "float32", "shape": ["batch", 16]},
      "logits_0": {"dtype": "float32", "shape": ["batch", 3]},
      "logits_1": {"dtype": "float32", "shape": ["batch", 3]}
    },
    "inputs": ["image"],
    "segments": [
      {"files": {"onnx": "segment_0.onnx"}, "inputs": ["image"],
       "outputs": ["hidden", "logits_0"], "exit": "logits_0"},
      {"files": {"onnx": "segment_1.onnx"}, "inputs": ["hidden", "image"],
       "outputs": ["logits_1"], "exit": "logits_1"}
    ],
    "parameters": [10, 30],
    "profiles": [
      {"unit": "ms", "costs": [0.5, 1.25], "static": 1.125, "device": "board", "provider": "cpu",
       "precision": "float32", "threads": 1, "batch": 1},
      {"unit": "flops", "costs": [100, 300], "static": null}
    ],
    "files": {},
    "versions": {"eenet": "0.1.0"}
  })");
  for (const auto& [name, content] : files) {
    manifest["files"][name] = {{"size", content.size()}, {"sha256", sha256_hex(bytes_of(content))}};
  }
  manifest["id"] = network_id(
      {manifest["files"].value("segment_0.onnx", nlohmann::json::object()).value("sha256", ""),
       manifest["files"].value("segment_1.onnx", nlohmann::json::object()).value("sha256", "")});
  return manifest;
}

std::shared_ptr<const Schedule> schedule(double budget, std::vector<double> shares,
                                         const std::string& unit) {
  auto out = std::make_shared<Schedule>();
  out->budget = budget;
  out->unit = unit;
  out->costs = {1, 2, 3};
  out->margin = 0.02;
  out->calibration_samples = 1000;
  out->calibration_shares = std::move(shares);
  return out;
}

std::vector<std::shared_ptr<const Schedule>> three_schedules(const std::string& unit) {
  return {schedule(1.5, {0.6, 0.3, 0.1}, unit), schedule(2, {0.3, 0.4, 0.3}, unit),
          schedule(2.5, {0.1, 0.3, 0.6}, unit)};
}

Profile profile(std::vector<double> costs, const std::string& unit) {
  Profile out;
  out.unit = unit;
  out.costs = std::move(costs);
  return out;
}

}  // namespace eenet::test
