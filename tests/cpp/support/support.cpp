#include "support.h"

#include "eenet/manifest.h"

#include "bundle/manifest_text.h"
#include "decision/readout/classification.h"
#include "util/sha256.h"

namespace eenet::test {

nlohmann::json make_manifest(const std::map<std::string, std::string>& files) {
  nlohmann::json manifest = nlohmann::json::parse(R"({
    "format_version": 1, "id": "", "parent": null, "model": "tiny", "task": "classification",
    "precision": "float32",
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
       "outputs": ["hidden", "logits_0"], "exit": ["logits_0"]},
      {"files": {"onnx": "segment_1.onnx"}, "inputs": ["hidden", "image"],
       "outputs": ["logits_1"], "exit": ["logits_1"]}
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

Answers answer_of(const ExitState& state) {
  Answers answer = state.readout().make_answers(1, Readout::Detail::kAll);
  state.readout().put_answer(0, answer);
  return answer;
}

std::size_t label_of(const ExitState& state) {
  return static_cast<std::size_t>(answer_of(state).labels.front());
}

ExitState class_state(std::size_t exits, std::size_t classes) {
  return {exits, std::make_unique<Classification>(exits, classes)};
}

ExitPolicy::Parts zero_policy(std::size_t exits, std::size_t classes,
                              std::vector<double> thresholds) {
  ExitPolicy::Parts parts;
  parts.num_features.assign(exits, classification_features(classes));
  std::vector<Scorer> scorers;
  for (std::size_t k = 0; k + 1 < exits; ++k) {
    scorers.push_back({std::vector<float>(classification_features(classes) + k), {0}, {}, 0});
  }
  parts.scorers = std::make_shared<const std::vector<Scorer>>(scorers);
  parts.thresholds = std::move(thresholds);
  return parts;
}

ExitPolicy::Parts maximum_policy(std::size_t exits, std::size_t classes,
                                 std::vector<double> thresholds) {
  ExitPolicy::Parts parts = zero_policy(exits, classes, std::move(thresholds));
  std::vector<Scorer> scorers = *parts.scorers;
  for (Scorer& scorer : scorers) scorer.weight[classes] = 1;
  parts.scorers = std::make_shared<const std::vector<Scorer>>(scorers);
  return parts;
}

Scorer& edit(ExitPolicy::Parts& parts, std::size_t exit) {
  return (*std::const_pointer_cast<std::vector<Scorer>>(parts.scorers))[exit];
}

}  // namespace eenet::test
