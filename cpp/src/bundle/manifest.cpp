#include "eenet/manifest.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "bundle/costs.h"
#include "bundle/format.h"
#include "bundle/manifest_text.h"
#include "core/dtype.h"
#include "decision/readout/task.h"
#include "util/json.h"
#include "util/sha256.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();

std::vector<std::string> file_hashes(const Manifest& manifest) {
  std::vector<std::string> hashes;
  for (const SegmentSpec& segment : manifest.segments) {
    hashes.push_back(manifest.find_file(segment.onnx_file)->sha256);
  }
  return hashes;
}

std::string read_sha256(const JsonNode& node) {
  std::string hash = node.string();
  if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
    node.fail(quote_name(hash), "64 lower-case hexadecimal digits");
  }
  return hash;
}

/// Walks the JSON document from top to bottom and resolves names to indices on the way.
class ManifestReader {
 public:
  explicit ManifestReader(const nlohmann::json& document)
      : root_(document, format::kManifest, ErrorCode::kBundle, ": ") {}

  Manifest read();

 private:
  void read_symbols();
  void read_tensors();
  TensorSpec read_tensor(const std::string& name, const JsonNode& node) const;
  Dim read_dim(const JsonNode& node) const;
  void read_inputs();
  void read_segments();
  SegmentSpec read_segment(const JsonNode& node);
  void read_exit(const JsonNode& node, SegmentSpec& segment);
  void read_slice();
  void check_slice(const JsonNode& node, const SliceSpec& slice) const;
  void check_symbols() const;
  void read_task();
  void read_answers();
  void read_parameters();
  void read_profiles();
  void read_files();
  void check_identity() const;

  /// The index of a declared tensor that is named once in `taken`.
  std::size_t tensor(const JsonNode& node, std::vector<std::size_t>& taken) const;

  JsonNode root_;
  Manifest out_;
  const Task* task_ = nullptr;
  std::map<std::string, std::size_t> symbol_index_;
  std::map<std::string, std::size_t> tensor_index_;
  std::vector<bool> written_;  // Per tensor: on the blackboard so far.
};

Manifest ManifestReader::read() {
  const JsonNode version = root_.at("format_version");
  if (version.integer(0, kInt64Max) != format::kVersion) {
    version.fail(cat(version.integer(0, kInt64Max)),
                 cat("a version that this runtime knows (", format::kVersion, ")"));
  }
  out_.id = root_.at("id").name();
  if (!root_.at("parent").is_null()) out_.parent = root_.at("parent").name();
  out_.model = root_.at("model").name();
  read_task();
  out_.precision = root_.at("precision").name();
  out_.preprocessing = root_.at("preprocessing").object_text();
  read_answers();
  read_symbols();
  read_tensors();
  read_inputs();
  read_files();
  read_segments();
  read_slice();
  check_symbols();
  read_parameters();
  read_profiles();
  root_.at("versions").object_text();
  check_identity();
  return std::move(out_);
}

void ManifestReader::read_task() {
  const JsonNode node = root_.at("task");
  out_.task = node.name();
  task_ = find_task(out_.task);
  if (task_ != nullptr) return;
  std::vector<std::string> names;
  for (const Task& known : tasks()) names.push_back(cat("'", known.name, "'"));
  node.fail(quote_name(out_.task), join(names, " or "));
}

void ManifestReader::read_answers() {
  const JsonNode names = root_.at(task_->names_key);
  for (const JsonNode& node : names.items(task_->least_names, format::kMostClasses)) {
    (out_.*task_->names).push_back(node.name());
  }
  if (!task_->has_error_scale) return;
  const JsonNode scale = root_.at("error_scale");
  out_.error_scale = scale.number();
  if (!(out_.error_scale > 0)) scale.fail(cat(out_.error_scale), "a number above 0");
}

void ManifestReader::read_symbols() {
  const JsonNode symbols = root_.at("symbols");
  for (const auto& [name, node] : symbols.members(format::kMostSymbols)) {
    symbol_index_[name] = out_.symbols.size();
    out_.symbols.push_back({name, node.at("max").integer(1, format::kMostElements)});
  }
  const auto batch = symbol_index_.find("batch");
  if (batch == symbol_index_.end()) symbols.fail("the symbol 'batch' is missing");
  out_.batch_symbol = batch->second;
}

void ManifestReader::read_tensors() {
  for (const auto& [name, node] : root_.at("tensors").members(format::kMostTensors)) {
    tensor_index_[name] = out_.tensors.size();
    out_.tensors.push_back(read_tensor(name, node));
  }
  written_.resize(out_.tensors.size());
}

TensorSpec ManifestReader::read_tensor(const std::string& name, const JsonNode& node) const {
  TensorSpec spec{name, DType::kFloat32, {}};
  const std::string dtype = node.at("dtype").string();
  const std::optional<DType> known = find_dtype(dtype);
  if (!known) node.at("dtype").fail(quote_name(dtype), cat("one of ", join(kDTypeNames)));
  spec.dtype = *known;
  const JsonNode shape = node.at("shape");
  std::int64_t elements = 1;
  for (const JsonNode& dim : shape.items(1, format::kMostDims)) {
    spec.shape.push_back(read_dim(dim));
    const Dim& last = spec.shape.back();
    // Both factors are below 2^31, so that the product cannot overflow before it is refused.
    elements *= last.symbol ? out_.symbols[*last.symbol].max : last.size;
    if (elements > format::kMostElements)
      shape.fail(cat("more than ", format::kMostElements, " elements"));
  }
  if (spec.shape.front().symbol != out_.batch_symbol) {
    shape.fail("the first dimension is not the symbol 'batch'");
  }
  return spec;
}

Dim ManifestReader::read_dim(const JsonNode& node) const {
  if (!node.is_string()) return {node.integer(1, format::kMostElements), std::nullopt};
  const auto found = symbol_index_.find(node.string());
  if (found == symbol_index_.end()) node.fail(quote_name(node.string()), "a name in 'symbols'");
  return {0, found->second};
}

std::size_t ManifestReader::tensor(const JsonNode& node, std::vector<std::size_t>& taken) const {
  const std::string name = node.name();
  const auto found = tensor_index_.find(name);
  if (found == tensor_index_.end()) node.fail(quote_name(name), "a name in 'tensors'");
  if (std::find(taken.begin(), taken.end(), found->second) != taken.end()) {
    node.fail(cat(quote_name(name), " is listed twice"));
  }
  taken.push_back(found->second);
  return found->second;
}

void ManifestReader::read_inputs() {
  for (const JsonNode& node : root_.at("inputs").items(1, format::kMostTensors)) {
    written_[tensor(node, out_.inputs)] = true;
  }
}

void ManifestReader::read_segments() {
  for (const JsonNode& node : root_.at("segments").items(1, format::kMostExits)) {
    out_.segments.push_back(read_segment(node));
  }
}

SegmentSpec ManifestReader::read_segment(const JsonNode& node) {
  SegmentSpec segment;
  const JsonNode file = node.at("files").at("onnx");
  segment.onnx_file = file.name();
  if (out_.find_file(segment.onnx_file) == nullptr) {
    file.fail(quote_name(segment.onnx_file), "a name in 'files'");
  }
  for (const JsonNode& input : node.at("inputs").items(1, format::kMostTensors)) {
    if (!written_[tensor(input, segment.inputs)]) {
      input.fail(quote_name(input.name()),
                 "an input of the network or output of an earlier segment");
    }
  }
  for (const JsonNode& output : node.at("outputs").items(1, format::kMostTensors)) {
    if (written_[tensor(output, segment.outputs)]) {
      output.fail(cat(quote_name(output.name()), " is written a second time"));
    }
  }
  for (const std::size_t output : segment.outputs) written_[output] = true;
  read_exit(node.at("exit"), segment);
  return segment;
}

void ManifestReader::read_exit(const JsonNode& node, SegmentSpec& segment) {
  std::vector<const TensorSpec*> specs;
  std::vector<std::string> names;
  const auto& outputs = segment.outputs;
  for (const JsonNode& output : node.items(1, format::kMostTensors)) {
    const std::size_t index = tensor(output, segment.exit);
    if (std::find(outputs.begin(), outputs.end(), index) == outputs.end()) {
      output.fail(quote_name(output.name()), "one of the segment's outputs");
    }
    specs.push_back(&out_.tensors[index]);
    names.push_back(quote_name(output.name()));
  }
  if (task_->are_outputs(out_, specs)) return;
  node.fail(cat(names.size() == 1 ? "tensor " : "tensors ", join(names),
                names.size() == 1 ? " is not " : " are not ", task_->expected_outputs(out_)));
}

void ManifestReader::read_slice() {
  const std::optional<JsonNode> node = root_.find("slice");
  if (!node) {
    if (out_.parent) root_.at("parent").fail(quote_name(*out_.parent), "null without a 'slice'");
    return;
  }
  SliceSpec slice;
  const std::size_t held = out_.segments.size();
  for (const JsonNode& hash : node->at("segments").items(held + 1, format::kMostExits)) {
    slice.segment_hashes.push_back(read_sha256(hash));
  }
  const std::size_t last = slice.segment_hashes.size() - held;
  slice.first_exit =
      static_cast<std::size_t>(node->at("first_exit").integer(0, static_cast<std::int64_t>(last)));
  for (const JsonNode& name : node->at("live").items(0, format::kMostTensors)) {
    if (!written_[tensor(name, slice.live)]) {
      name.fail(quote_name(name.name()), "an input or output of the slice");
    }
  }
  std::sort(slice.live.begin(), slice.live.end());
  check_slice(*node, slice);
  out_.slice = std::move(slice);
}

void ManifestReader::check_slice(const JsonNode& node, const SliceSpec& slice) const {
  const bool last = slice.first_exit + out_.segments.size() == slice.segment_hashes.size();
  if (slice.live.empty() != last) {
    node.at("live").fail(cat(slice.live.size(), " tensors"),
                         last ? "none after the last exit of the network"
                              : "those that the exits after the slice read");
  }
  const std::string parent = network_id(slice.segment_hashes);
  if (out_.parent != parent) {
    root_.at("parent").fail(out_.parent ? quote_name(*out_.parent) : "null",
                            cat(quote_name(parent), ", from the hashes in 'slice',"));
  }
  for (std::size_t i = 0; i < out_.segments.size(); ++i) {
    const FileSpec& file = *out_.find_file(out_.segments[i].onnx_file);
    const std::string& expected = slice.segment_hashes[slice.first_exit + i];
    if (file.sha256 == expected) continue;
    node.at("segments")
        .fail(cat(quote_name(file.name), " with SHA-256 ", file.sha256),
              cat(expected, ", as segment ", slice.first_exit + i, " of the network,"));
  }
}

void ManifestReader::check_symbols() const {
  std::vector<bool> known(out_.symbols.size());
  known[out_.batch_symbol] = true;
  for (const std::size_t input : out_.inputs) {
    for (const Dim& dim : out_.tensors[input].shape) {
      if (dim.symbol) known[*dim.symbol] = true;
    }
  }
  for (const TensorSpec& spec : out_.tensors) {
    for (const Dim& dim : spec.shape) {
      // Nothing at run time could say how large such a tensor is.
      if (dim.symbol && !known[*dim.symbol]) {
        root_.at("tensors").fail(cat(quote_name(spec.name), " has the dimension ",
                                     quote_name(out_.symbols[*dim.symbol].name),
                                     ", which no input of the network has"));
      }
    }
  }
}

void ManifestReader::read_parameters() {
  const JsonNode parameters = root_.at("parameters");
  std::int64_t least = 0;
  for (const JsonNode& node : parameters.items(out_.num_exits(), out_.num_exits())) {
    least = node.integer(least, kInt64Max);
    out_.parameters.push_back(least);
  }
}

void ManifestReader::read_profiles() {
  for (const JsonNode& node : root_.at("profiles").items(0, format::kMostProfiles)) {
    Profile profile;
    profile.unit = node.at("unit").string();
    check_unit(profile.unit, ErrorCode::kBundle, node.at("unit").where());
    profile.costs = node.at("costs").numbers();
    check_costs(profile.costs, out_.num_exits(), ErrorCode::kBundle, node.at("costs").where());
    const JsonNode static_cost = node.at("static");
    if (!static_cost.is_null()) profile.static_cost = static_cost.number();
    if (profile.static_cost.value_or(1) <= 0) {
      static_cost.fail(cat(*profile.static_cost), "a positive cost or null");
    }
    if (profile.unit == "ms") {
      profile.device = node.at("device").name();
      profile.provider = node.at("provider").name();
      profile.precision = node.at("precision").name();
      profile.threads = node.at("threads").integer(1, format::kMostElements);
      profile.batch = node.at("batch").integer(1, format::kMostElements);
    }
    out_.profiles.push_back(std::move(profile));
  }
}

void ManifestReader::read_files() {
  for (const auto& [name, node] : root_.at("files").members(format::kMostFiles)) {
    if (name.find_first_of("/\\") != std::string::npos || name == "." || name == "..") {
      node.fail("a path came, the plain name of a file in the bundle's folder expected");
    }
    if (name == format::kManifest) node.fail("the manifest cannot vouch for itself");
    FileSpec file{name, 0, read_sha256(node.at("sha256"))};
    file.size = static_cast<std::uint64_t>(node.at("size").integer(0, kInt64Max));
    out_.files.push_back(std::move(file));
  }
}

void ManifestReader::check_identity() const {
  const std::string expected = network_id(file_hashes(out_));
  if (out_.id != expected) {
    root_.at("id").fail(quote_name(out_.id),
                        cat(quote_name(expected), ", from the segments' hashes,"));
  }
}

}  // namespace

const FileSpec* Manifest::find_file(std::string_view name) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [name](const FileSpec& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

Manifest parse_manifest(std::string_view text) {
  return ManifestReader(parse_json(text, format::kManifest, ErrorCode::kBundle)).read();
}

std::vector<std::size_t> live_tensors(const Manifest& manifest, std::size_t exit) {
  const std::size_t count = manifest.tensors.size();
  std::vector<bool> there(count);
  std::vector<bool> read(count);
  const auto mark = [](std::vector<bool>& marks, const std::vector<std::size_t>& tensors) {
    for (const std::size_t tensor : tensors) marks[tensor] = true;
  };
  mark(there, manifest.inputs);
  if (manifest.slice) mark(read, manifest.slice->live);
  for (std::size_t k = manifest.first_exit(); k < manifest.end_exit(); ++k) {
    const SegmentSpec& segment = manifest.segment(k);
    if (k < exit) mark(there, segment.outputs);
    if (k >= exit) mark(read, segment.inputs);
  }
  std::vector<std::size_t> live;
  for (std::size_t tensor = 0; tensor < count; ++tensor) {
    if (there[tensor] && read[tensor]) live.push_back(tensor);
  }
  return live;
}

std::vector<std::string> segment_hashes(const Manifest& manifest) {
  return manifest.slice ? manifest.slice->segment_hashes : file_hashes(manifest);
}

std::string network_id(const std::vector<std::string>& segment_hashes) {
  std::string lines;
  for (const std::string& hash : segment_hashes) lines += hash + '\n';
  return sha256_hex(std::as_bytes(std::span(lines)));
}

}  // namespace eenet
