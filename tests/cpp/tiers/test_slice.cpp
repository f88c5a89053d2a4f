#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "bundle/bundle.h"
#include "bundle/manifest_text.h"
#include "support.h"
#include "tiers/slice.h"
#include "util/text.h"

namespace eenet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::expect_error;

const std::map<std::string, std::string> kFiles = {
    {"segment_0.onnx", "zero"},         {"segment_1.onnx", "one"},
    {"segment_2.onnx", "two"},          {"segment_0.plan", "engine"},
    {"scheduler.safetensors", "rules"}, {"calibration.safetensors", "data"},
    {"notes.txt", "of a later writer"}};

/// Three exits; a mask that the last one reads, a hidden tensor that skips the second.
json three_exits() {
  json manifest = test::make_manifest(kFiles);
  manifest["symbols"]["tokens"] = {{"max", 6}};
  manifest["tensors"]["mask"] = {{"dtype", "int64"}, {"shape", {"batch", "tokens"}}};
  manifest["tensors"]["trunk"] = {{"dtype", "float32"}, {"shape", {"batch", "tokens", 4}}};
  manifest["tensors"]["logits_2"] = manifest["tensors"]["logits_1"];
  manifest["inputs"] = {"mask", "image"};
  json& segments = manifest["segments"];
  segments[0]["files"]["tensorrt"] = "segment_0.plan";
  segments[0]["future"] = 1;
  segments[1] = {{"files", {{"onnx", "segment_1.onnx"}}},
                 {"inputs", {"image"}},
                 {"outputs", {"logits_1"}},
                 {"exit", json::array({"logits_1"})}};
  segments.push_back({{"files", {{"onnx", "segment_2.onnx"}}},
                      {"inputs", {"mask", "hidden"}},
                      {"outputs", {"trunk", "logits_2"}},
                      {"exit", json::array({"logits_2"})}});
  manifest["parameters"] = {10, 30, 40};
  manifest["profiles"] = json::array();
  manifest["future"] = {1, 2.5};
  std::vector<std::string> hashes;
  for (const char* name : {"segment_0.onnx", "segment_1.onnx", "segment_2.onnx"}) {
    hashes.push_back(manifest["files"][name]["sha256"]);
  }
  manifest["id"] = network_id(hashes);
  return manifest;
}

class SliceTest : public testing::Test {
 protected:
  SliceTest() {
    for (const auto& [name, content] : kFiles) folder_.write(name, content);
    folder_.write("manifest.json", three_exits().dump());
  }

  fs::path out(const std::string& name) const { return out_.path() / name; }
  /// Slices, and returns what the slice's manifest says.
  json slice(const fs::path& from, std::size_t begin, std::size_t end, const std::string& name) {
    slice_bundle(from, begin, end, out(name));
    return json::parse(Bundle::open(out(name)).manifest_text());
  }
  static std::set<std::string> listed(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  test::TemporaryFolder folder_;
  test::TemporaryFolder out_;
};

TEST_F(SliceTest, HeadHoldsTheFirstSegmentsAndSaysWhatGoesOn) {
  const json whole = three_exits();
  const json head = slice(folder_.path(), 0, 1, "head.eenet");
  EXPECT_EQ(head["parent"], whole["id"]);
  EXPECT_NE(head["id"], whole["id"]);
  EXPECT_EQ(head["inputs"], whole["inputs"]);
  EXPECT_EQ(head["slice"]["first_exit"], 0);
  EXPECT_EQ(head["slice"]["segments"].size(), 3U);
  EXPECT_EQ(head["slice"]["live"], json({"hidden", "image", "mask"}));
  EXPECT_EQ(head["segments"], json({whole["segments"][0]}));
  EXPECT_EQ(head["parameters"], whole["parameters"]);
  EXPECT_EQ(head["future"], whole["future"]);
  EXPECT_FALSE(head["tensors"].contains("logits_1"));
  EXPECT_EQ(listed(out("head.eenet")),
            (std::set<std::string>{"manifest.json", "segment_0.onnx", "segment_0.plan",
                                   "scheduler.safetensors", "notes.txt"}));
  const Manifest manifest = Bundle::open(out("head.eenet")).manifest();
  EXPECT_EQ(manifest.num_exits(), 3U);
  EXPECT_EQ(manifest.end_exit(), 1U);
  EXPECT_EQ(manifest.network(), whole["id"]);
  EXPECT_EQ(listed(out_.path()), std::set<std::string>{"head.eenet"});
}

TEST_F(SliceTest, MiddleTakesAndPassesOnWhatItDoesNotRead) {
  const json middle = slice(folder_.path(), 1, 2, "middle.eenet");
  EXPECT_EQ(middle["inputs"], json({"hidden", "image", "mask"}));
  EXPECT_EQ(middle["slice"]["first_exit"], 1);
  EXPECT_EQ(middle["slice"]["live"], json({"hidden", "mask"}));
  const Manifest manifest = Bundle::open(out("middle.eenet")).manifest();
  EXPECT_EQ(manifest.first_exit(), 1U);
  EXPECT_EQ(manifest.segment(1).onnx_file, "segment_1.onnx");
  EXPECT_EQ(live_tensors(manifest, 1).size(), 3U);
  EXPECT_EQ(live_tensors(manifest, 2), manifest.slice->live);
}

TEST_F(SliceTest, TailHandsNothingOn) {
  const json tail = slice(folder_.path(), 2, 3, "tail.eenet");
  EXPECT_EQ(tail["inputs"], json({"hidden", "mask"}));
  EXPECT_EQ(tail["slice"]["live"], json::array());
  EXPECT_FALSE(tail["tensors"].contains("image"));
}

TEST_F(SliceTest, SliceOfASliceIsTheSliceOfTheWhole) {
  slice(folder_.path(), 0, 2, "head.eenet");
  const json direct = slice(folder_.path(), 1, 2, "direct.eenet");
  EXPECT_EQ(slice(out("head.eenet"), 1, 2, "again.eenet"), direct);
  expect_error(ErrorCode::kInput, {"exits: 1:3 came", "0:2"},
               [&] { slice(out("head.eenet"), 1, 3, "no.eenet"); });
}

TEST_F(SliceTest, RefusesRangesThatLeaveNoExit) {
  for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 0}, {2, 1}, {1, 1}, {3, 3}, {2, 4}, {7, 9}}) {
    expect_error(ErrorCode::kInput, {cat("exits: ", begin, ":", end, " came"), "0:3"},
                 [&] { slice(folder_.path(), begin, end, "no.eenet"); });
  }
  expect_error(ErrorCode::kInput, {"whole network"},
               [&] { slice(folder_.path(), 0, 3, "no.eenet"); });
  EXPECT_TRUE(listed(out_.path()).empty());
}

TEST_F(SliceTest, RefusesACutAfterWhichADimensionIsUnknown) {
  json manifest = three_exits();
  manifest["segments"][2]["inputs"] = {"hidden"};
  folder_.write("manifest.json", manifest.dump());
  expect_error(ErrorCode::kBundle, {"'trunk'", "'tokens'"},
               [&] { slice(folder_.path(), 0, 2, "no.eenet"); });
}

TEST_F(SliceTest, IsWrittenWholeOrNotAtAll) {
  folder_.write("segment_1.onnx", "0ne");
  expect_error(ErrorCode::kBundle, {"segment_1.onnx", "altered"},
               [&] { slice(folder_.path(), 0, 2, "no.eenet"); });
  EXPECT_TRUE(listed(out_.path()).empty());
  fs::create_directory(out("taken"));
  expect_error(ErrorCode::kInput, {"'", "taken", "new name"},
               [&] { slice(folder_.path(), 0, 1, "taken"); });
  expect_error(ErrorCode::kBundle, {"cannot be written", "No such file"},
               [&] { slice(folder_.path(), 0, 1, "absent/no.eenet"); });
}

}  // namespace
}  // namespace eenet
