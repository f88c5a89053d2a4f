// Whole bundles: manifest and files, each with its length before it. Sizes, hashes and ids are
// those that the files call for, so that what comes behind the hashes is reached.
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "eenet/runtime.h"

#include "bundle/bundle.h"
#include "bundle/manifest_text.h"
#include "engine/model.h"
#include "fuzz.h"
#include "stub_backend.h"
#include "tiers/slice.h"
#include "util/sha256.h"
#include "util/text.h"

namespace {

using namespace eenet;
using nlohmann::json;
namespace fs = std::filesystem;

/// A folder of this process, empty, in memory where the system has such.
fs::path empty_folder() {
  static const fs::path folder = [] {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    return parent / cat("eenet-fuzz-", ::getpid());
  }();
  static const int registered = std::atexit([] { fs::remove_all(folder); });
  fuzz::expect(registered == 0);
  fs::remove_all(folder);
  fs::create_directory(folder);
  return folder;
}

/// Schedules name the network that they are for.
void mend_schedules(std::string& file, const std::string& id) {
  constexpr std::string_view kKey = R"(\"network\":\")";
  const std::size_t at = file.find(kKey);
  if (at != std::string::npos && at + kKey.size() + id.size() <= file.size()) {
    file.replace(at + kKey.size(), id.size(), id);
  }
}

std::string take_file(fuzz::Choices& choices) {
  const std::span<const std::byte> bytes = choices.take(choices.number<std::uint16_t>());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes the bundle; false where the manifest is beyond mending.
bool write_bundle(fuzz::Choices& choices, const fs::path& folder) {
  json manifest = json::parse(take_file(choices), nullptr, false);
  if (!manifest.is_object() || !manifest["files"].is_object() || !manifest["segments"].is_array()) {
    return false;
  }
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& [name, entry] : manifest["files"].items()) {
    if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos ||
        name.empty() || name == "." || name == ".." || name.size() > 255 || !entry.is_object()) {
      return false;
    }
    files.emplace_back(name, take_file(choices));
  }
  std::vector<std::string> hashes;
  for (const json& segment : manifest["segments"]) {
    if (!segment.is_object() || !segment.contains("files") || !segment["files"].is_object()) break;
    for (const auto& [name, content] : files) {
      if (segment["files"].value("onnx", json()) == name) {
        hashes.push_back(sha256_hex(std::as_bytes(std::span(content))));
      }
    }
  }
  manifest["id"] = network_id(hashes);
  for (auto& [name, content] : files) {
    if (name == "scheduler.safetensors") mend_schedules(content, manifest["id"]);
    manifest["files"][name]["size"] = content.size();
    manifest["files"][name]["sha256"] = sha256_hex(std::as_bytes(std::span(content)));
    std::ofstream(folder / name, std::ios::binary) << content;
  }
  std::ofstream(folder / "manifest.json")
      << manifest.dump(-1, ' ', false, json::error_handler_t::replace);
  return true;
}

void use(const fs::path& path) {
  const Manifest manifest = Bundle::open(path).manifest();
  if (fuzz::elements_of(manifest) > 100'000) return;
  LoadOptions options;
  for (std::size_t k = 0; k < manifest.num_exits(); ++k) {
    options.cost_profile.emplace(options.cost_profile.value_or(std::vector<double>()))
        .push_back(static_cast<double>(k + 1));
  }
  // Costs in ms do not go with schedules in another unit.
  std::shared_ptr<const Model> model;
  fuzz::refuse_or([&] { model = Model::load(path, options, fuzz::stub_backend(manifest)); });
  if (!model) model = Model::load(path, {}, fuzz::stub_backend(manifest));
  Runtime runtime(model);
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<std::vector<std::byte>> memory;
  std::vector<TensorView> inputs;
  shapes.reserve(manifest.inputs.size());
  memory.reserve(manifest.inputs.size());
  for (const std::size_t input : manifest.inputs) {
    const TensorSpec& spec = manifest.tensors[input];
    std::vector<std::int64_t>& shape = shapes.emplace_back();
    std::size_t bytes = dtype_size(spec.dtype);
    for (std::size_t i = 1; i < spec.shape.size(); ++i) {
      const Dim& dim = spec.shape[i];
      shape.push_back(dim.symbol ? manifest.symbols[*dim.symbol].max : dim.size);
      bytes *= static_cast<std::size_t>(shape.back());
    }
    inputs.push_back({spec.dtype, shape, memory.emplace_back(bytes).data()});
  }
  fuzz::refuse_or([&] { runtime.infer(inputs); });
  for (const double budget : model->budgets().budgets()) {
    fuzz::refuse_or([&] {
      runtime.set_budget(budget);
      runtime.infer(inputs);
    });
  }
  if (manifest.num_exits() > 1) {
    const fs::path out = path / "slice";
    fuzz::refuse_or([&] {
      slice_bundle(path, manifest.first_exit(), manifest.first_exit() + 1, out);
      Bundle::open(out);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fs::path folder = empty_folder();
  fuzz::Choices choices(fuzz::bytes_of(data, size));
  if (!write_bundle(choices, folder)) return -1;
  fuzz::refuse_or([&] { use(folder); });
  return 0;
}
