#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/schedule.h"

#include "bundle/schedule_file.h"
#include "support.h"
#include "util/text.h"

namespace eenet {
namespace {

using nlohmann::json;
using test::expect_error;
using test::SafeTensorsWriter;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Metadata of two schedules, K = 3 and C = 2, that share a scorer; the second combines.
json valid_metadata() {
  return json::parse(R"({
    "format_version": 1, "feature_spec": 1, "network": "abc", "num_features": [6, 6, 6],
    "active": 1,
    "schedules": [
      {"policy": "maximum", "budget": 1.5, "unit": "ms", "costs": [1, 2, 3], "margin": 0.02,
       "calibration_samples": 500, "calibration_shares": [0.6, 0.3, 0.1], "combiner": null,
       "scorer": "s", "clamp": false},
      {"policy": "eenet", "budget": 2.5, "unit": "ms", "costs": [1, 2, 3], "margin": 0.01,
       "calibration_samples": 500, "calibration_shares": [0.2, 0.2, 0.6], "combiner": "c",
       "scorer": "s", "clamp": true}
    ]
  })");
}

/// The tensors of valid_metadata(): exit 0 linear, exit 1 hidden with 2 units.
SafeTensorsWriter valid_tensors() {
  SafeTensorsWriter out;
  out.add<float>("s.0.weight", {1, 6}, {1, 2, 3, 4, 5, 6}).add<float>("s.0.bias", {1}, {7});
  out.add<float>("s.1.weight", {2, 7}, std::vector<float>(14, 0.5F));
  out.add<float>("s.1.bias", {2}, {8, 9});
  out.add<float>("s.1.out_weight", {1, 2}, {10, 11}).add<float>("s.1.out_bias", {1}, {12});
  out.add<float>("c.weight", {3, 3}, {1, 0, 0, 0.5F, 1, 0, 0.25F, 0.5F, 1});
  out.add<float>("c.bias", {3, 2}, {0, 0, 0, 0, 0.5F, 0});
  out.add<double>("schedule.0.thresholds", {3}, {0.5, kInf, 0});
  out.add<double>("schedule.1.thresholds", {3}, {0.25, 0.75, 0});
  return out;
}

ScheduleFile parse(const SafeTensorsWriter& tensors, const json& metadata) {
  SafeTensorsWriter file = tensors;
  file.metadata("eenet", metadata.dump());
  return parse_schedules(test::bytes_of(file.file()));
}

void expect_refused(const SafeTensorsWriter& tensors, const json& metadata,
                    const std::vector<std::string>& message) {
  expect_error(ErrorCode::kSchedule, message, [&] { parse(tensors, metadata); });
}

/// Expects the metadata to be refused after the value at a JSON pointer is replaced.
void expect_refused_with(const std::string& pointer, const json& value,
                         const std::vector<std::string>& message) {
  SCOPED_TRACE(cat(pointer, " = ", value));
  json metadata = valid_metadata();
  metadata[json::json_pointer(pointer)] = value;
  expect_refused(valid_tensors(), metadata, message);
}

/// Expects the file to be refused after a tensor is replaced.
template <typename T>
void expect_refused_tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                           const std::vector<T>& values, const std::vector<std::string>& message) {
  SCOPED_TRACE(name);
  SafeTensorsWriter tensors = valid_tensors();
  tensors.add<T>(name, shape, values);
  expect_refused(tensors, valid_metadata(), message);
}

TEST(Schedules, ReadsEverything) {
  const ScheduleFile file = parse(valid_tensors(), valid_metadata());
  EXPECT_EQ(file.network, "abc");
  EXPECT_EQ(file.active, 1U);
  ASSERT_EQ(file.schedules.size(), 2U);
  const Schedule& first = *file.schedules[0];
  EXPECT_EQ(first.policy, "maximum");
  EXPECT_EQ(first.budget, 1.5);
  EXPECT_EQ(first.costs, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(first.calibration_samples, 500);
  EXPECT_EQ(first.calibration_shares, (std::vector<double>{0.6, 0.3, 0.1}));
  EXPECT_TRUE(first.exit_policy->disabled(1));
  EXPECT_EQ(first.exit_policy->combiner(), nullptr);
  EXPECT_FALSE(first.exit_policy->rule().clamp());
  const ExitPolicy& second = *file.schedules[1]->exit_policy;
  EXPECT_TRUE(second.rule().clamp());
  EXPECT_EQ(second.thresholds()[1], 0.75);
  ASSERT_NE(second.combiner(), nullptr);
  EXPECT_EQ(second.combiner()->weight(1)[0], 0.5F);
  EXPECT_EQ(second.combiner()->bias(2)[0], 0.5F);
  ASSERT_EQ(second.rule().scorers().size(), 2U);
  EXPECT_EQ(second.rule().scorers()[0].weight, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_FALSE(second.rule().scorers()[0].hidden());
  EXPECT_EQ(second.rule().scorers()[1].bias, (std::vector<float>{8, 9}));
  EXPECT_EQ(second.rule().scorers()[1].out_weight, (std::vector<float>{10, 11}));
  EXPECT_EQ(second.rule().scorers()[1].out_bias, 12);
  // One prefix, one copy.
  EXPECT_EQ(&first.exit_policy->rule().scorers(), &second.rule().scorers());
}

TEST(Schedules, ReadsMarksOfTheSamplesThatTheyWereFittedOn) {
  EXPECT_TRUE(parse(valid_tensors(), valid_metadata()).fitted_on.empty());
  json metadata = valid_metadata();
  metadata["fitted_on"] = {"00aa", "00bb"};
  EXPECT_EQ(parse(valid_tensors(), metadata).fitted_on, (std::vector<std::string>{"00aa", "00bb"}));
  expect_refused_with("/fitted_on", 1, {"fitted_on", "a list"});
  expect_refused_with("/fitted_on", {1}, {"fitted_on[0]", "a string"});
  expect_refused_with("/fitted_on", std::vector<std::string>(1025, "a"), {"fitted_on", "1025"});
}

TEST(Schedules, ReadsWhatTheCalibrationSamplesDid) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  SafeTensorsWriter tensors = valid_tensors();
  tensors.add<float>("schedule.1.score_edges", {2, 2}, {0.25F, 0.5F, 0.5F, kFar});
  tensors.add<double>("schedule.1.score_shares", {2, 3}, {0.25, 0.25, 0.5, 0, 0, 0});
  tensors.add<double>("schedule.1.agreement", {3}, {0.5, 0.75, 1});
  const ScheduleFile file = parse(tensors, valid_metadata());
  EXPECT_FALSE(file.schedules[0]->score_bins.has_value());
  EXPECT_TRUE(file.schedules[0]->agreement.empty());
  const ScoreBins& bins = file.schedules[1]->score_bins.value();
  EXPECT_EQ(bins.count, 3U);
  EXPECT_EQ(bins.edges_at(1)[0], 0.5F);
  EXPECT_EQ(bins.shares_at(0)[2], 0.5);
  EXPECT_EQ(file.schedules[1]->agreement, (std::vector<double>{0.5, 0.75, 1}));
}

TEST(Schedules, RefusesWhatNoCalibrationSampleCanHaveDone) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::string edges = "schedule.0.score_edges";
  const std::string shares = "schedule.0.score_shares";
  const auto refused = [&](const std::vector<float>& values, const std::vector<double>& parts,
                           const std::vector<std::string>& message) {
    SafeTensorsWriter tensors = valid_tensors();
    const auto count = static_cast<std::int64_t>(parts.size()) / 2;
    tensors.add<double>(shares, {2, count}, parts);
    tensors.add<float>(edges, {2, static_cast<std::int64_t>(values.size()) / 2}, values);
    expect_refused(tensors, valid_metadata(), message);
  };
  refused({0, 1}, {0.5, 0.5, 0.5, 0.4}, {"score_shares'[1]", "add up to 1"});
  refused({0, 1}, {1.5, -0.5, 0.5, 0.5}, {"score_shares'[0]", "shares >= 0"});
  refused({0, 1}, {std::nan(""), 1, 0.5, 0.5}, {"score_shares'[0]", "shares >= 0"});
  refused({0, kNan}, {0.5, 0.5, 0.5, 0.5}, {"score_edges'[1]", "non-decreasing"});
  refused({0, 1, 1, 0}, {0.5, 0.25, 0.25, 0.5, 0.25, 0.25}, {"score_edges'[1]", "non-decreasing"});
  refused({0, 1}, {0.5, 0.25, 0.25, 0.5, 0.25, 0.25}, {"score_edges'", "F32 (2, 2) expected"});
  refused({}, {1, 1}, {"score_shares'", "(2, 1) came, (2, 2 to 64) expected"});
  refused(std::vector<float>(128), std::vector<double>(130), {"(2, 65) came"});
  expect_refused_tensor<float>(edges, {2, 1}, {0, 1}, {"'schedule.0.score_shares'", "missing"});
  expect_refused_tensor<double>(shares, {2, 2}, {1, 0, 1, 0}, {"score_edges'", "missing"});
  expect_refused_tensor<double>(shares, {3, 2}, std::vector<double>(6), {"missing"});
  const std::string agreement = "schedule.0.agreement";
  expect_refused_tensor<double>(agreement, {2}, {1, 1}, {"F64 (3) expected"});
  expect_refused_tensor<double>(agreement, {3}, {0, 1.5, 1}, {"between 0 and 1"});
  expect_refused_tensor<double>(agreement, {3}, {0, std::nan(""), 1}, {"between 0 and 1"});
  expect_refused_tensor<double>(agreement, {3}, {0, 0.5, 0.5}, {"the last one 1"});
}

TEST(Schedules, NoneAndNoActiveOneAreFine) {
  json metadata = valid_metadata();
  metadata["active"] = nullptr;
  EXPECT_FALSE(parse(valid_tensors(), metadata).active.has_value());
  metadata["schedules"] = json::array();
  EXPECT_TRUE(parse(SafeTensorsWriter(), metadata).schedules.empty());
  metadata["active"] = 0;
  expect_refused(SafeTensorsWriter(), metadata, {"active", "null"});
}

TEST(Schedules, RefusesUnknownVersionsAndBadTypes) {
  expect_refused_with("/format_version", 2, {"format_version", "2 came"});
  expect_refused_with("/feature_spec", 2, {"feature_spec", "2 came"});
  expect_refused_with("/network", 3, {"network", "string"});
  expect_refused_with("/num_features", json(std::vector<int>(65, 6)), {"num_features", "65"});
  expect_refused_with("/num_features", json::array(), {"num_features"});
  expect_refused_with("/num_features/1", 0, {"num_features[1]", "0 came"});
  expect_refused_with("/num_features/1", 16'777'217, {"num_features[1]", "16777216"});
  expect_refused_with("/num_features/1", 9, {"s.1.weight", "F32 (2, 7) came, F32 (2, 10)"});
  expect_refused_with("/active", 2, {"active", "0 to 1"});
  expect_refused_with("/active", -1, {"active"});
  expect_refused_with("/schedules", json::object(), {"schedules", "list"});
  expect_refused_with("/schedules/0/clamp", 1, {"clamp"});
  const json whole = valid_metadata();
  for (const auto& [key, value] : whole.items()) {
    json metadata = whole;
    metadata.erase(key);
    expect_refused(valid_tensors(), metadata, {cat("'", key, "'"), "missing"});
  }
  for (const auto& [key, value] : whole["schedules"][1].items()) {
    json metadata = whole;
    metadata["schedules"][1].erase(key);
    expect_refused(valid_tensors(), metadata, {"schedules[1]", cat("'", key, "'"), "missing"});
  }
}

TEST(Schedules, RefusesBadNumbers) {
  const std::string at = "/schedules/1/";
  expect_refused_with(at + "budget", 1.5, {"schedules[1].budget", "ascending"});
  expect_refused_with(at + "budget", -1, {"budget", "positive"});
  expect_refused_with(at + "unit", "flops", {"unit", "'ms'"});
  expect_refused_with(at + "unit", "s", {"unit", "'s'"});
  expect_refused_with(at + "costs", {1, 2}, {"costs", "3 exits"});
  expect_refused_with(at + "costs", {3, 2, 1}, {"costs", "non-decreasing"});
  expect_refused_with(at + "margin", -0.1, {"margin"});
  expect_refused_with(at + "calibration_samples", 0, {"calibration_samples"});
  expect_refused_with(at + "calibration_shares", {0.5, 0.5}, {"calibration_shares"});
  expect_refused_with(at + "calibration_shares", {0.5, 0.5, 0.5}, {"add up to 1"});
  expect_refused_with(at + "calibration_shares", {1.5, -0.5, 0}, {"calibration_shares"});
}

TEST(Schedules, RefusesMissingTensors) {
  expect_refused_with("/schedules/0/scorer", "other", {"'other.0.weight'", "missing"});
  expect_refused_with("/schedules/0/combiner", "other", {"'other.weight'", "missing"});
  json metadata = valid_metadata();
  metadata["schedules"].push_back(metadata["schedules"][1]);
  metadata["schedules"][2]["budget"] = 2.75;
  expect_refused(valid_tensors(), metadata, {"'schedule.2.thresholds'", "missing"});
}

TEST(Schedules, RefusesBadTensors) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::string first = "schedule.0.thresholds";
  expect_refused_tensor<float>(first, {3}, {0, 0, 0}, {"F64 (3) expected"});
  expect_refused_tensor<double>(first, {2}, {0, 0}, {"F64 (3) expected"});
  expect_refused_tensor<double>(first, {3}, {0, std::nan(""), 0}, {"threshold of exit 1", "NaN"});
  expect_refused_tensor<float>("s.0.weight", {1, 5}, std::vector<float>(5), {"F32 (1, 6)"});
  expect_refused_tensor<float>("s.0.weight", {6}, std::vector<float>(6), {"F32 (1, 6)"});
  expect_refused_tensor<float>("s.0.bias", {2}, {0, 0}, {"'s.0.bias'", "F32 (1)"});
  expect_refused_tensor<float>("s.1.weight", {3, 7}, std::vector<float>(21), {"F32 (2, 7)"});
  expect_refused_tensor<float>("s.1.out_weight", {1, 3}, {0, 0, 0}, {"F32 (1, 2)"});
  expect_refused_tensor<float>("s.1.bias", {0}, {}, {"F32 (1, 1)"});
  expect_refused_tensor<float>("s.1.out_bias", {1}, {kNan}, {"exit 1", "out_bias", "finite"});
  expect_refused_tensor<float>("c.weight", {3, 3}, std::vector<float>(9, 1), {"'c'", "[0, 1]"});
  expect_refused_tensor<float>("c.bias", {3, 2}, std::vector<float>(6, kNan), {"'c'", "finite"});
  expect_refused_tensor<float>("c.bias", {2, 2}, std::vector<float>(4), {"F32 (3, 2)"});
}

TEST(Schedules, RefusesBadMetadata) {
  SafeTensorsWriter none = valid_tensors();
  expect_error(ErrorCode::kSchedule, {"'eenet'", "missing"},
               [&] { parse_schedules(test::bytes_of(none.file())); });
  none.metadata("eenet", "{");
  expect_error(ErrorCode::kSchedule, {"__metadata__.eenet", "JSON"},
               [&] { parse_schedules(test::bytes_of(none.file())); });
}

TEST(Schedules, ReadsAFileByPath) {
  const test::TemporaryFolder folder;
  SafeTensorsWriter file = valid_tensors();
  folder.write("a", file.metadata("eenet", valid_metadata().dump()).file());
  EXPECT_EQ(read_schedules(folder.path() / "a").schedules.size(), 2U);
  std::filesystem::create_symlink("a", folder.path() / "link");
  EXPECT_EQ(read_schedules(folder.path() / "link").schedules.size(), 2U);
  expect_error(ErrorCode::kSchedule, {"nothing", "No such file"},
               [&] { read_schedules(folder.path() / "nothing"); });
  expect_error(ErrorCode::kSchedule, {"not a regular file"},
               [&] { read_schedules(folder.path()); });
}

}  // namespace
}  // namespace eenet
