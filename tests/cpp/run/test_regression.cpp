#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "eenet/options.h"
#include "eenet/runtime.h"

#include "budget/replay.h"
#include "bundle/manifest_text.h"
#include "run/audit_lottery.h"
#include "run/runner.h"
#include "support.h"
#include "test_backend.h"
#include "tiers/handoff.h"
#include "tiers/slice.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet {
namespace {

using nlohmann::json;
using test::expect_error;

constexpr std::size_t kExits = 3;
constexpr std::size_t kValues = 2;
constexpr std::size_t kHidden = 3;
constexpr std::size_t kRow = kValues + kHidden;
constexpr double kErrorScale = 2;

/// Row k of a sample: what exit k answers, and its hidden features.
using Sample = std::vector<float>;

// The first corrects itself little, the second a lot, the third at last, the fourth is zero.
const std::vector<Sample> kSamples = {
    {3, 4, 0.5F, 0, 1, 3, 4.25F, 1, 0, 1, 3, 4.5F, 1, 1, 1},
    {3, 4, -1, 0, 0, 0, 8, 1, 2, 3, 6, 0, 0, 0, 0},
    {1, 0, 2, 2, 2, 1, 0.5F, 0, 0, 0.25F, -7, 2, 1, 1, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
};

json manifest_of(const std::vector<std::string>& files) {
  json tensors = {{"x", {{"dtype", "float32"}, {"shape", {"batch", kExits, kRow}}}}};
  json segments = json::array();
  json entries = json::object();
  std::vector<std::string> hashes;
  for (std::size_t k = 0; k < kExits; ++k) {
    json outputs = {cat("value_", k), cat("hidden_", k)};
    tensors[cat("value_", k)] = {{"dtype", "float32"}, {"shape", {"batch", kValues}}};
    tensors[cat("hidden_", k)] = {{"dtype", "float32"}, {"shape", {"batch", kHidden}}};
    if (k + 1 < kExits) {
      tensors[cat("pass_", k)] = {{"dtype", "float32"}, {"shape", {"batch", kExits, kRow}}};
      outputs.push_back(cat("pass_", k));
    }
    segments.push_back({{"files", {{"onnx", cat("segment_", k, ".onnx")}}},
                        {"inputs", {k == 0 ? std::string("x") : cat("pass_", k - 1)}},
                        {"outputs", outputs},
                        {"exit", {cat("value_", k), cat("hidden_", k)}}});
    hashes.push_back(sha256_hex(test::bytes_of(files[k])));
    entries[cat("segment_", k, ".onnx")] = {{"size", files[k].size()}, {"sha256", hashes.back()}};
  }
  return {{"format_version", 1},
          {"id", network_id(hashes)},
          {"parent", nullptr},
          {"model", "echo"},
          {"task", "regression"},
          {"precision", "float32"},
          {"precision", "float32"},
          {"target_names", {"price", "weight"}},
          {"error_scale", kErrorScale},
          {"preprocessing", json::object()},
          {"symbols", {{"batch", {{"max", 64}}}}},
          {"tensors", tensors},
          {"inputs", {"x"}},
          {"segments", segments},
          {"parameters", {1, 2, 3}},
          {"profiles", json::array()},
          {"files", entries},
          {"versions", json::object()}};
}

test::SegmentFunction segment_of(std::size_t exit) {
  return [exit](std::span<const BoundTensor> inputs, std::span<const BoundTensor> outputs) {
    const auto rows = static_cast<std::size_t>(inputs[0].shape[0]);
    const auto* const from = static_cast<const float*>(inputs[0].data);
    for (std::size_t row = 0; row < rows; ++row) {
      const float* const own = from + (row * kExits + exit) * kRow;
      std::copy_n(own, kValues, static_cast<float*>(outputs[0].data) + row * kValues);
      std::copy_n(own + kValues, kHidden, static_cast<float*>(outputs[1].data) + row * kHidden);
    }
    if (outputs.size() > 2) {
      std::memcpy(outputs[2].data, from, rows * kExits * kRow * sizeof(float));
    }
  };
}

/// A bundle of a network that answers what its input says.
class RegressionTest : public ::testing::Test {
 protected:
  RegressionTest() {
    std::vector<std::string> files;
    for (std::size_t k = 0; k < kExits; ++k) {
      files.push_back({'\x08', static_cast<char>(k + 1)});
      folder_.write(cat("segment_", k, ".onnx"), files.back());
    }
    const json manifest = manifest_of(files);
    folder_.write("manifest.json", manifest.dump());
    std::vector<test::SegmentFunction> functions;
    for (std::size_t k = 0; k < kExits; ++k) functions.push_back(segment_of(k));
    backend_ =
        std::make_shared<test::TestBackend>(parse_manifest(manifest.dump()), std::move(functions));
  }

  std::shared_ptr<const Model> load(const std::filesystem::path& path) const {
    return Model::load(path, test::EchoNetwork::default_options(), backend_);
  }
  Runner runner() const { return Runner(load(folder_.path())); }

  static Result infer(Runner& runner, const Sample& sample, const RunOptions& options) {
    const std::vector<std::int64_t> shape = {kExits, kRow};
    return runner.run(std::vector{TensorView{DType::kFloat32, shape, sample.data()}}, options);
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<const Backend> backend_;
};

/// Accepts where the correction is small, or the hidden features say so.
ExitPolicy small_corrections() {
  ExitPolicy::Parts parts;
  parts.num_features.assign(kExits, kHidden + 2);
  const Scorer first{{1, 0.5F, 0, 0, 0}, {0}, {}, 0};
  const Scorer second{{0, 0, 0.5F, -1, -2, 0.125F}, {1}, {}, 0};
  parts.scorers = std::make_shared<const std::vector<Scorer>>(std::vector<Scorer>{first, second});
  parts.thresholds = {2.5, 0.5, 0};
  return ExitPolicy(std::move(parts));
}

LoggedOutputs logged(const std::vector<float>& values,
                     const std::vector<std::vector<float>>& hidden) {
  std::vector<LoggedOutputs::Hidden> views;
  for (const std::vector<float>& each : hidden) views.push_back({each.data(), kHidden});
  return LoggedOutputs::of_regression(values.data(), kSamples.size(), kValues, views);
}

/// The samples, apart: (N, K, D), and (N, H) of each exit.
struct Log {
  Log() : hidden(kExits) {
    for (const Sample& sample : kSamples) {
      for (std::size_t k = 0; k < kExits; ++k) {
        const auto row = sample.begin() + static_cast<std::ptrdiff_t>(k * kRow);
        values.insert(values.end(), row, row + kValues);
        hidden[k].insert(hidden[k].end(), row + kValues, row + kRow);
      }
    }
  }
  LoggedOutputs outputs() const { return logged(values, hidden); }

  std::vector<float> values;
  std::vector<std::vector<float>> hidden;
};

TEST_F(RegressionTest, FeaturesByHand) {
  const Log log;
  std::vector<std::vector<float>> features_of(kExits,
                                              std::vector<float>(kSamples.size() * (kHidden + 2)));
  std::vector<float*> to;
  for (auto& each : features_of) to.push_back(each.data());
  features(log.outputs(), nullptr, to);
  const auto feature = [&](std::size_t exit, std::size_t sample) {
    const auto first = features_of[exit].begin() + static_cast<std::ptrdiff_t>(sample * 5);
    return std::vector<float>(first, first + 5);
  };
  EXPECT_EQ(feature(0, 0), (std::vector<float>{0.5F, 0, 1, 0, 0}));
  const auto share = static_cast<float>(0.25 / std::sqrt(9 + 4.25 * 4.25));
  EXPECT_EQ(feature(1, 0), (std::vector<float>{1, 0, 1, 0.25F, share}));
  EXPECT_EQ(feature(1, 1), (std::vector<float>{1, 2, 3, 5, 5.0F / 8}));
  // From (0, 8) to (6, 0): larger than what it makes.
  EXPECT_EQ(feature(2, 1), (std::vector<float>{0, 0, 0, 10, 1}));
  EXPECT_EQ(feature(2, 3), (std::vector<float>{0, 0, 0, 0, 0}));
  const Answers found = answers(log.outputs(), nullptr);
  EXPECT_EQ(found.values, log.values);
  EXPECT_EQ(found.num_values, kValues);
  EXPECT_TRUE(found.labels.empty());
}

TEST_F(RegressionTest, AnswersWithValuesAsReplayed) {
  const ExitPolicy policy = small_corrections();
  RunOptions options;
  options.policy = &policy;
  options.return_outputs = true;
  Runner runner = this->runner();
  const Log log;
  std::vector<std::int64_t> exits(kSamples.size());
  std::vector<float> scores(kSamples.size() * kExits);
  const Answers replayed = replay(log.outputs(), &policy, exits.data(), scores.data());
  EXPECT_EQ(exits, (std::vector<std::int64_t>{1, 2, 0, 1}));
  for (std::size_t n = 0; n < kSamples.size(); ++n) {
    const Result result = infer(runner, kSamples[n], options);
    EXPECT_EQ(result.exit, static_cast<std::size_t>(exits[n]));
    const auto row = kSamples[n].begin() + static_cast<std::ptrdiff_t>(result.exit * kRow);
    EXPECT_EQ(result.value, std::vector<float>(row, row + kValues));
    EXPECT_TRUE(std::equal(result.value.begin(), result.value.end(),
                           replayed.values.begin() + static_cast<std::ptrdiff_t>(n * kValues)));
    EXPECT_TRUE(result.probabilities.empty());
    EXPECT_TRUE(std::equal(result.scores.begin(), result.scores.end(),
                           scores.begin() + static_cast<std::ptrdiff_t>(n * kExits)));
    EXPECT_EQ(result.output_shapes.size(), result.exit + 1);
    EXPECT_EQ(result.output_shapes[0], (std::vector<std::vector<std::int64_t>>{{2}, {3}}));
    EXPECT_EQ(result.outputs, Sample(kSamples[n].begin(), row + kRow));
  }
}

TEST_F(RegressionTest, AnswersABatchAsOneByOne) {
  const ExitPolicy policy = small_corrections();
  RunOptions options;
  options.policy = &policy;
  options.return_outputs = true;
  Runner runner = this->runner();
  std::vector<float> all;
  for (const Sample& sample : kSamples) all.insert(all.end(), sample.begin(), sample.end());
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(kSamples.size()), kExits,
                                           kRow};
  const BatchResult batch =
      runner.run_batch(std::vector{TensorView{DType::kFloat32, shape, all.data()}}, options);
  EXPECT_EQ(batch.num_values, kValues);
  EXPECT_TRUE(batch.labels.empty());
  ASSERT_EQ(batch.size(), kSamples.size());
  const std::vector<std::size_t> turned = {3, 2, 1, 0};
  const BatchResult selected = batch.select(turned);
  for (std::size_t n = 0; n < kSamples.size(); ++n) {
    const Result expected = infer(runner, kSamples[n], options);
    for (const Result& result : {batch.at(n), selected.at(turned[n])}) {
      EXPECT_EQ(result.value, expected.value);
      EXPECT_EQ(result.exit, expected.exit);
      EXPECT_EQ(result.scores, expected.scores);
      EXPECT_EQ(result.outputs, expected.outputs);
    }
  }
}

TEST_F(RegressionTest, EveryCutAnswersAsOneMachine) {
  test::TemporaryFolder parts;
  std::map<std::pair<std::size_t, std::size_t>, std::unique_ptr<Runner>> runners;
  for (const auto& [begin, end] :
       {std::pair<std::size_t, std::size_t>{0, 1}, {0, 2}, {1, 2}, {1, 3}, {2, 3}}) {
    const auto path = parts.path() / cat(begin, end, ".eenet");
    slice_bundle(folder_.path(), begin, end, path);
    runners[{begin, end}] = std::make_unique<Runner>(load(path));
  }
  Runner whole = runner();
  const ExitPolicy policy = small_corrections();
  for (const ExitPolicy* each : {&policy, static_cast<const ExitPolicy*>(nullptr)}) {
    RunOptions options;
    options.policy = each;
    for (const Sample& sample : kSamples) {
      const Result expected = infer(whole, sample, options);
      for (const auto& cuts : {std::vector<std::size_t>{0, 1, 3}, {0, 2, 3}, {0, 1, 2, 3}}) {
        Result result = infer(*runners[{cuts[0], cuts[1]}], sample, options);
        for (std::size_t i = 1; !result.complete(); ++i) {
          const Handoff handoff = decode_handoff(result.handoff);
          EXPECT_EQ(handoff.readout.size(), each == nullptr ? 0 : kValues * sizeof(float));
          result = runners[{cuts[i], cuts[i + 1]}]->resume(handoff, options, Runner::Clock::now());
        }
        EXPECT_EQ(result.value, expected.value);
        EXPECT_EQ(result.exit, expected.exit);
        EXPECT_EQ(result.scores, expected.scores);
      }
    }
  }
}

TEST_F(RegressionTest, OutputsOfExitsPassedElsewhereHaveNotTravelled) {
  test::TemporaryFolder parts;
  slice_bundle(folder_.path(), 0, 1, parts.path() / "head.eenet");
  Runner head(load(parts.path() / "head.eenet"));
  Runner whole = runner();
  const ExitPolicy policy = small_corrections();
  RunOptions options;
  options.policy = &policy;
  options.return_outputs = true;
  const Result handed = infer(head, kSamples[0], options);
  const Result result = whole.resume(decode_handoff(handed.handoff), options, Runner::Clock::now());
  ASSERT_EQ(result.outputs.size(), 2 * kRow);
  EXPECT_TRUE(std::isnan(result.outputs.front()));
  EXPECT_TRUE(
      std::equal(result.outputs.begin() + kRow, result.outputs.end(), kSamples[0].begin() + kRow));
}

TEST_F(RegressionTest, AuditsAgreeWithinHalfTheErrorScale) {
  ExitPolicy::Parts parts;
  parts.num_features.assign(kExits, kHidden + 2);
  parts.scorers = std::make_shared<const std::vector<Scorer>>(
      std::vector<Scorer>{{std::vector<float>(kHidden + 2), {1}, {}, 0},
                          {std::vector<float>(kHidden + 3), {1}, {}, 0}});
  parts.thresholds = {0, 0, 0};  // All leave at once.
  const ExitPolicy policy(std::move(parts));
  AuditLottery everybody(1, 0);
  RunOptions options;
  options.policy = &policy;
  options.audits = &everybody;
  Runner runner = this->runner();
  // The last exit is 0.5, 5 and 8.2 away.
  const std::vector<bool> expected = {true, false, false, true};
  for (std::size_t n = 0; n < kSamples.size(); ++n) {
    const Result result = infer(runner, kSamples[n], options);
    EXPECT_EQ(result.audit_agrees, expected[n]) << n;
    EXPECT_EQ(result.audit_label, std::nullopt);
    const auto last = kSamples[n].begin() + 2 * kRow;
    EXPECT_EQ(result.audit_value, std::vector<float>(last, last + kValues));
  }
  const Sample at_the_border = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
  EXPECT_EQ(infer(runner, at_the_border, options).audit_agrees, true);
}

TEST_F(RegressionTest, ExplainsByTheNamesOfItsFeatures) {
  const ExitPolicy policy = small_corrections();
  RunOptions options;
  options.policy = &policy;
  options.explain = true;
  Runner runner = this->runner();
  const Result result = infer(runner, kSamples[1], options);
  ASSERT_EQ(result.explanations.size(), 3U);
  const ExitExplanation& second = result.explanations[1];
  EXPECT_EQ(second.value, (std::vector<float>{0, 8}));
  std::vector<std::string> names;
  for (const Contribution& each : second.contributions) names.push_back(each.name);
  EXPECT_EQ(names, (std::vector<std::string>{"correction", "hidden[2]", "share of the correction",
                                             "score of exit 0", "hidden[0]", "hidden[1]"}));
}

TEST_F(RegressionTest, RefusesNumbersThatAreNotFinite) {
  const ExitPolicy policy = small_corrections();
  for (const bool value : {true, false}) {
    Log log;
    (value ? log.values[7 * kValues] : log.hidden[1][2 * kHidden]) =  // Exit 1 of sample 2.
        std::numeric_limits<float>::infinity();
    std::vector<float> scores(kSamples.size() * kExits);
    expect_error(ErrorCode::kNonFinite, {"sample 2", "exit 1"},
                 [&] { eenet::scores(log.outputs(), policy, scores.data()); });
  }
}

TEST_F(RegressionTest, RefusesThePolicyOfAnotherTask) {
  Runner runner = this->runner();
  const ExitPolicy classes(test::zero_policy(kExits, 3, {1, 1, 0}));
  RunOptions options;
  options.policy = &classes;
  expect_error(ErrorCode::kInput, {"policy: one for 3 exits of 7 features came", "5 features"},
               [&] { infer(runner, kSamples[0], options); });
}

TEST_F(RegressionTest, ManifestSaysWhatItAnswers) {
  const json valid = manifest_of({"a", "b", "c"});
  const Manifest manifest = parse_manifest(valid.dump());
  EXPECT_EQ(manifest.target_names, (std::vector<std::string>{"price", "weight"}));
  EXPECT_EQ(manifest.error_scale, kErrorScale);
  EXPECT_EQ(manifest.num_classes(), 0U);
  const auto refused = [&](const char* pointer, const json& value,
                           const std::vector<std::string>& parts) {
    json changed = valid;
    changed[json::json_pointer(pointer)] = value;
    expect_error(ErrorCode::kBundle, parts, [&] { parse_manifest(changed.dump()); });
  };
  refused("/error_scale", 0, {"error_scale: 0 came, a number above 0 expected"});
  refused("/target_names", json::array(), {"target_names"});
  refused("/segments/1/exit", {"hidden_1", "value_1"},
          {"segments[1].exit", "'hidden_1', 'value_1' are not the value of an exit", "[batch, 2]"});
  refused("/segments/1/exit", {"value_1"}, {"segments[1].exit"});
  refused("/task", "ranking", {"'ranking' came, 'classification' or 'regression' expected"});
}

}  // namespace
}  // namespace eenet
