#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/manifest.h"

#include "bundle/manifest_text.h"
#include "support.h"
#include "util/text.h"

namespace eenet {
namespace {

using nlohmann::json;
using test::expect_error;

json valid() {
  return test::make_manifest({{"segment_0.onnx", "zero"}, {"segment_1.onnx", "one"}});
}

void expect_refused(const json& manifest, const std::vector<std::string>& message) {
  expect_error(ErrorCode::kBundle, message, [&] { parse_manifest(manifest.dump()); });
}

/// Expects the valid manifest to be refused after the value at a JSON pointer is replaced.
void expect_refused_with(const std::string& pointer, const json& value,
                         const std::vector<std::string>& message) {
  SCOPED_TRACE(cat(pointer, " = ", value));
  json manifest = valid();
  manifest[json::json_pointer(pointer)] = value;
  expect_refused(manifest, message);
}

TEST(Manifest, ReadsEverything) {
  const Manifest manifest = parse_manifest(valid().dump());
  EXPECT_EQ(manifest.model, "tiny");
  EXPECT_FALSE(manifest.parent.has_value());
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"cat", "dog", "bird"}));
  EXPECT_EQ(json::parse(manifest.preprocessing), json({{"kind", "image"}}));
  ASSERT_EQ(manifest.num_exits(), 2U);
  const SegmentSpec& last = manifest.segments[1];
  EXPECT_EQ(last.onnx_file, "segment_1.onnx");
  ASSERT_EQ(last.inputs.size(), 2U);
  EXPECT_EQ(manifest.tensors[last.inputs[0]].name, "hidden");
  EXPECT_EQ(manifest.tensors[last.inputs[1]].name, "image");
  EXPECT_EQ(manifest.tensors[last.exit.at(0)].name, "logits_1");
  const TensorSpec& image = manifest.tensors[manifest.inputs[0]];
  EXPECT_EQ(image.shape[0].symbol, manifest.batch_symbol);
  EXPECT_EQ(image.shape[3].size, 8);
  EXPECT_EQ(manifest.symbols[manifest.batch_symbol].max, 8);
  EXPECT_EQ(manifest.parameters, (std::vector<std::int64_t>{10, 30}));
  ASSERT_EQ(manifest.profiles.size(), 2U);
  EXPECT_EQ(manifest.profiles[0].costs, (std::vector<double>{0.5, 1.25}));
  EXPECT_EQ(manifest.profiles[0].static_cost, 1.125);
  EXPECT_EQ(manifest.profiles[0].device, "board");
  EXPECT_EQ(manifest.profiles[1].unit, "flops");
  EXPECT_FALSE(manifest.profiles[1].static_cost.has_value());
  ASSERT_NE(manifest.find_file("segment_0.onnx"), nullptr);
  EXPECT_EQ(manifest.find_file("segment_0.onnx")->size, 4U);
  EXPECT_EQ(manifest.find_file("other"), nullptr);
}

TEST(Manifest, IgnoresKeysOfLaterWriters) {
  json manifest = valid();
  manifest["new"] = {1, 2, 3};
  manifest["segments"][0]["new"] = "x";
  manifest["segments"][0]["files"]["tensorrt"] = "segment_0.plan";
  manifest["profiles"][1]["new"] = 3;
  EXPECT_EQ(parse_manifest(manifest.dump()).num_exits(), 2U);
}

TEST(Manifest, RefusesUnknownVersions) {
  for (const json& version : {json(0), json(2), json(999)}) {
    expect_refused_with("/format_version", version, {"format_version", version.dump(), "(1)"});
  }
  expect_refused_with("/format_version", "1", {"format_version", "integer"});
  expect_refused_with("/format_version", 1.0, {"format_version", "integer"});
  expect_refused_with("/format_version", true, {"format_version", "integer"});
  expect_refused_with("/format_version", nullptr, {"format_version", "integer"});
  expect_refused_with("/format_version", UINT64_MAX, {"format_version"});
}

TEST(Manifest, RefusesMissingKeys) {
  const json whole = valid();
  for (const auto& [key, value] : whole.items()) {
    json manifest = whole;
    manifest.erase(key);
    expect_refused(manifest, {cat("'", key, "'"), "missing"});
  }
  const std::vector<std::pair<std::string, std::string>> inner = {
      {"/symbols/batch", "max"},         {"/tensors/image", "dtype"},
      {"/tensors/image", "shape"},       {"/segments/1", "files"},
      {"/segments/1", "inputs"},         {"/segments/1", "outputs"},
      {"/segments/1", "exit"},           {"/segments/1/files", "onnx"},
      {"/profiles/0", "unit"},           {"/profiles/0", "costs"},
      {"/profiles/0", "static"},         {"/profiles/0", "device"},
      {"/profiles/0", "provider"},       {"/profiles/0", "precision"},
      {"/profiles/0", "threads"},        {"/profiles/0", "batch"},
      {"/files/segment_0.onnx", "size"}, {"/files/segment_0.onnx", "sha256"}};
  for (const auto& [pointer, key] : inner) {
    SCOPED_TRACE(cat(pointer, "/", key));
    json manifest = whole;
    manifest[json::json_pointer(pointer)].erase(key);
    expect_refused(manifest, {cat("'", key, "'"), "missing"});
  }
}

/// Replaces every value of the document in turn.
void for_each_value(const json& document, const std::function<void(const std::string&)>& visit,
                    const std::string& pointer = "") {
  if (!pointer.empty()) visit(pointer);
  if (document.is_object()) {
    for (const auto& [key, value] : document.items()) {
      for_each_value(value, visit, cat(pointer, "/", key));
    }
  } else if (document.is_array()) {
    for (std::size_t i = 0; i < document.size(); ++i) {
      for_each_value(document[i], visit, cat(pointer, "/", i));
    }
  }
}

TEST(Manifest, RefusesEveryValueOfAWrongType) {
  const json whole = valid();
  for_each_value(whole, [&](const std::string& pointer) {
    // What the runtime hands on or ignores may hold anything.
    if (pointer.starts_with("/preprocessing/") || pointer.starts_with("/versions/")) return;
    const json& before = whole[json::json_pointer(pointer)];
    const std::vector<json> wrong = {json(true), json(-1.5), json("\n"), json::array(),
                                     json::object()};
    for (const json& value : wrong) {
      const bool still_valid = (value.is_object() && pointer == "/versions") ||
                               (value.is_object() && pointer == "/preprocessing") ||
                               (value.is_array() && pointer == "/profiles");
      if (still_valid) continue;
      SCOPED_TRACE(cat(pointer, ": ", before, " -> ", value));
      json manifest = whole;
      manifest[json::json_pointer(pointer)] = value;
      expect_refused(manifest, {"manifest.json"});
    }
  });
}

TEST(Manifest, RefusesBadJson) {
  const auto refuse = [](const std::string& text, const std::vector<std::string>& message) {
    expect_error(ErrorCode::kBundle, message, [&] { parse_manifest(text); });
  };
  for (const char* text : {"", "null", "[]", "3", "{", "{\"a\":}", "// no", "{\"a\":1,}"}) {
    refuse(text, {"manifest.json"});
  }
  refuse("{\"a\":\"\xff\"}", {"UTF-8"});
  refuse("{\"format_version\":1,\"format_version\":1}", {"'format_version'", "twice"});
  refuse("{\"format_version\":1e999}", {"manifest.json"});
  refuse(std::string(1'000'000, '['), {"nesting"});
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  refuse(objects, {"nesting"});
}

TEST(Manifest, RefusesShapesBeyondTheLimits) {
  const std::string shape = "/tensors/image/shape";
  expect_refused_with(shape, {"batch", 3, 1LL << 40, 8}, {"shape[2]", "1099511627776"});
  expect_refused_with(shape, {"batch", 65536, 65536}, {"shape", "2147483647 elements"});
  expect_refused_with(shape, {"batch", 1 << 28}, {"elements"});  // 2^31 with batch 8
  expect_refused_with(shape, {"batch", 2147483647, 2147483647, 2147483647}, {"elements"});
  expect_refused_with(shape, {"batch", 0}, {"shape[1]", "0 came"});
  expect_refused_with(shape, {"batch", -3}, {"shape[1]", "-3 came"});
  expect_refused_with(shape, {"batch", 1, 1, 1, 1, 1, 1, 1, 1}, {"9 elements"});
  expect_refused_with(shape, json::array(), {"0 elements"});
  expect_refused_with(shape, {3, 8, 8}, {"first dimension", "batch"});
  expect_refused_with(shape, {"batch", "height"}, {"'height'", "symbols"});
  expect_refused_with("/symbols/batch/max", 0, {"batch", "0 came"});
  expect_refused_with("/symbols/batch/max", 1LL << 31, {"batch", "2147483648"});
  expect_refused_with("/symbols", {{"other", {{"max", 3}}}}, {"'batch'", "missing"});
  json most = valid();
  most["tensors"]["hidden"]["shape"] = {"batch", (1 << 28) - 1};
  EXPECT_EQ(parse_manifest(most.dump()).num_exits(), 2U);
}

TEST(Manifest, SymbolsMustComeFromAnInput) {
  json manifest = valid();
  manifest["symbols"]["tokens"] = {{"max", 512}};
  manifest["tensors"]["hidden"]["shape"] = {"batch", "tokens"};
  expect_refused(manifest, {"'hidden'", "'tokens'", "no input"});
  manifest["tensors"]["image"]["shape"] = {"batch", "tokens"};
  EXPECT_EQ(parse_manifest(manifest.dump()).symbols.size(), 2U);
}

TEST(Manifest, RefusesAnInconsistentBlackboard) {
  expect_refused_with("/inputs", {"nothing"}, {"inputs[0]", "'nothing'"});
  expect_refused_with("/inputs", {"image", "image"}, {"'image'", "twice"});
  expect_refused_with("/inputs", json::array(), {"inputs", "0 elements"});
  expect_refused_with("/segments/0/inputs", {"hidden"}, {"segments[0].inputs[0]", "'hidden'"});
  expect_refused_with("/segments/0/inputs", {"image", "image"}, {"twice"});
  expect_refused_with("/segments/1/outputs", {"hidden", "logits_1"}, {"'hidden'", "second time"});
  expect_refused_with("/segments/1/outputs", {"image", "logits_1"}, {"'image'", "second time"});
  expect_refused_with("/segments/1/outputs", {"logits_1", "logits_1"}, {"twice"});
  expect_refused_with("/segments/0/outputs", {"logits_0"}, {"segments[1].inputs[0]", "'hidden'"});
  expect_refused_with("/segments/1/exit", {"logits_0"}, {"segments[1].exit[0]", "outputs"});
  expect_refused_with("/segments/0/exit", {"hidden"},
                      {"segments[0].exit", "'hidden'", "[batch, 3]"});
  expect_refused_with("/segments/0/exit", {"logits_0", "hidden"},
                      {"tensors 'logits_0', 'hidden' are not the logits"});
  expect_refused_with("/tensors/logits_0/dtype", "int64", {"'logits_0'", "float32"});
  for (const char* const other : {"float16", "int32", "uint8"}) {
    expect_refused_with("/tensors/logits_0/dtype", other, {"'logits_0'", "float32"});
  }
  expect_refused_with("/tensors/hidden/dtype", "bool",
                      {"hidden", "'bool'", "one of float32, int64, float16, int32, uint8"});
  expect_refused_with("/tensors/logits_0/shape", {"batch", 4}, {"'logits_0'", "3"});
  expect_refused_with("/tensors/logits_0/shape", {"batch", 3, 1}, {"'logits_0'"});
  expect_refused_with("/tensors/logits_0/shape", {"batch", "batch"}, {"'logits_0'"});
  json many = valid();
  many["segments"] = json::array();
  for (int i = 0; i < 65; ++i) many["segments"].push_back(valid()["segments"][0]);
  expect_refused(many, {"segments", "65"});
}

TEST(Manifest, RefusesBadNames) {
  expect_refused_with("/class_names", {"only"}, {"class_names", "2 to 65536"});
  expect_refused_with("/class_names/0", "", {"class_names[0]"});
  expect_refused_with("/class_names/0", std::string(257, 'x'), {"class_names[0]", "256"});
  expect_refused_with("/class_names/0", std::string("a\0b", 3), {"'a\\x00b'"});
  expect_refused_with("/task", "segmentation", {"'segmentation'", "'classification'"});
}

TEST(Manifest, RefusesPathsInPlaceOfFileNames) {
  for (const char* name : {"../secret", "/etc/passwd", "..", ".", "a/b", "a\\b", "sub/"}) {
    json manifest = valid();
    manifest["files"][name] = manifest["files"]["segment_0.onnx"];
    expect_refused(manifest, {"plain name"});
  }
  json manifest = valid();
  manifest["files"]["manifest.json"] = manifest["files"]["segment_0.onnx"];
  expect_refused(manifest, {"itself"});
  json control = valid();
  control["files"][std::string("a\0b", 3)] = control["files"]["segment_0.onnx"];
  expect_refused(control, {"control characters"});
  expect_refused_with("/segments/0/files/onnx", "../segment_0.onnx", {"files"});
}

TEST(Manifest, RefusesBadFileEntries) {
  const std::string file = "/files/segment_0.onnx";
  expect_refused_with(file + "/size", -1, {"size"});
  expect_refused_with(file + "/sha256", "abc", {"sha256", "64"});
  expect_refused_with(file + "/sha256", std::string(64, 'G'), {"sha256"});
  expect_refused_with(file + "/sha256", std::string(64, 'A'), {"sha256", "lower-case"});
}

TEST(Manifest, IdentityIsRecomputed) {
  expect_refused_with("/id", std::string(64, '0'), {"id", "segments' hashes"});
  json swapped = valid();
  std::swap(swapped["files"]["segment_0.onnx"], swapped["files"]["segment_1.onnx"]);
  expect_refused(swapped, {"id"});
  // SHA-256 of "<hash>\n<hash>\n", computed elsewhere.
  EXPECT_EQ(network_id({std::string(64, 'a'), std::string(64, 'b')}),
            "913f9338fb6c17253f3a14816fc08d52522454bfc19a8c99538a197cfb23fb41");
}

/// The valid manifest as a slice: exits 1 and 2 of three.
json valid_slice() {
  json manifest = valid();
  const auto hash = [&](int k) {
    return manifest["files"][cat("segment_", k, ".onnx")]["sha256"].get<std::string>();
  };
  const std::vector<std::string> hashes = {std::string(64, 'a'), hash(0), hash(1)};
  manifest["slice"] = {{"first_exit", 1}, {"segments", hashes}, {"live", json::array()}};
  manifest["parent"] = network_id(hashes);
  manifest["parameters"] = {5, 10, 30};
  manifest["profiles"] = json::array();
  return manifest;
}

TEST(ManifestSlice, CountsExitsAsTheNetworkDoes) {
  const Manifest manifest = parse_manifest(valid_slice().dump());
  EXPECT_EQ(manifest.num_exits(), 3U);
  EXPECT_EQ(manifest.first_exit(), 1U);
  EXPECT_EQ(manifest.end_exit(), 3U);
  EXPECT_EQ(manifest.segment(2).onnx_file, "segment_1.onnx");
  EXPECT_EQ(manifest.network(), manifest.parent);
  EXPECT_EQ(segment_hashes(manifest).size(), 3U);
  const Manifest whole = parse_manifest(valid().dump());
  EXPECT_EQ(whole.num_exits(), 2U);
  EXPECT_EQ(whole.network(), whole.id);
  ASSERT_EQ(live_tensors(whole, 1).size(), 2U);
  EXPECT_EQ(whole.tensors[live_tensors(whole, 1)[0]].name, "hidden");
  EXPECT_TRUE(live_tensors(whole, 2).empty());
}

TEST(ManifestSlice, AReaderThatKnowsNoSlicesRefusesThem) {
  json manifest = valid_slice();
  manifest.erase("slice");
  manifest["parent"] = nullptr;  // Such a reader took any name.
  expect_refused(manifest, {"parameters", "3 elements", "2 expected"});
}

TEST(ManifestSlice, RefusesContradictions) {
  const auto refuse = [](const std::string& pointer, const json& value,
                         const std::vector<std::string>& message) {
    SCOPED_TRACE(cat(pointer, " = ", value));
    json manifest = valid_slice();
    manifest[json::json_pointer(pointer)] = value;
    expect_refused(manifest, message);
  };
  const std::string other(64, 'b');
  refuse("/slice", 3, {"slice", "an object"});
  for (const char* key : {"first_exit", "segments", "live"}) {
    json manifest = valid_slice();
    manifest["slice"].erase(key);
    expect_refused(manifest, {"slice", key, "missing"});
  }
  refuse("/slice/first_exit", 2, {"first_exit", "2 came", "0 to 1"});
  refuse("/slice/first_exit", -1, {"first_exit"});
  refuse("/slice/first_exit", 0, {"live", "exits after the slice"});
  refuse("/slice/live", {"hidden"}, {"live", "none after the last exit"});
  refuse("/slice/live", {"nowhere"}, {"'nowhere'", "tensors"});
  refuse("/slice/live", {"hidden", "hidden"}, {"twice"});
  refuse("/slice/segments", {other, other}, {"slice.segments", "2 elements"});
  refuse("/slice/segments", json::array(), {"slice.segments", "0 elements"});
  refuse("/slice/segments/0", "b", {"slice.segments[0]", "64"});
  refuse("/slice/segments/0", other, {"parent", "from the hashes"});
  refuse("/parent", nullptr, {"parent", "null came"});
  refuse("/parent", other, {"parent", "from the hashes"});
  json swapped = valid_slice();
  std::swap(swapped["slice"]["segments"][0], swapped["slice"]["segments"][1]);
  swapped["parent"] = network_id(swapped["slice"]["segments"].get<std::vector<std::string>>());
  expect_refused(swapped, {"'segment_0.onnx'", "segment 1 of the network"});
  json whole = valid();
  whole["parent"] = other;
  expect_refused(whole, {"parent", "null without a 'slice'"});
}

TEST(Manifest, RefusesBadProfilesAndParameters) {
  expect_refused_with("/profiles/0/costs", {1}, {"profiles[0].costs", "2 exits"});
  expect_refused_with("/profiles/0/costs", {2, 1}, {"non-decreasing"});
  expect_refused_with("/profiles/0/costs", {0, 1}, {"positive"});
  expect_refused_with("/profiles/0/costs", {-1, 1}, {"positive"});
  expect_refused_with("/profiles/0/unit", "s", {"'s'", "'ms'"});
  expect_refused_with("/profiles/0/static", 0, {"static"});
  expect_refused_with("/profiles/0/threads", 0, {"threads"});
  expect_refused_with("/parameters", {1}, {"parameters", "2"});
  expect_refused_with("/parameters", {3, 2}, {"parameters[1]"});
  expect_refused_with("/parameters", {-1, 2}, {"parameters[0]"});
}

}  // namespace
}  // namespace eenet
