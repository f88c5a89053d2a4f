#include "bundle/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "util/json.h"
#include "util/text.h"

namespace eenet {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

constexpr std::size_t kPrefix = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // As the format's reference reader.
constexpr std::size_t kMostTensors = 1U << 20U;
constexpr std::size_t kMostDims = 8;

std::size_t element_size(const JsonNode& node) {
  const std::string dtype = node.string();
  if (dtype == "F32") return sizeof(float);
  if (dtype == "F64") return sizeof(double);
  node.fail(quote_name(dtype), "'F32' or 'F64'");
}

template <typename T>
std::vector<T> copy_values(std::span<const std::byte> bytes) {
  // Data starts after a header of any length, so it is aligned to nothing.
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

SafeTensors::SafeTensors(std::span<const std::byte> bytes, std::string what, ErrorCode code)
    : what_(std::move(what)), code_(code) {
  std::uint64_t header = 0;
  if (bytes.size() < kPrefix) fail(cat(bytes.size(), " bytes came, a safetensors file expected"));
  std::memcpy(&header, bytes.data(), kPrefix);
  if (header > kLongestHeader) {
    fail("no safetensors file came: its first 8 bytes are not the length of a header");
  }
  if (header > bytes.size() - kPrefix) {
    fail(cat("a header of ", header, " bytes came, at most ", bytes.size() - kPrefix,
             " expected: the file is cut off, or no safetensors file"));
  }
  data_ = bytes.subspan(kPrefix + header);
  parse_header({reinterpret_cast<const char*>(bytes.data()) + kPrefix, header});
  check_layout();
}

void SafeTensors::fail(const std::string& complaint) const {
  throw Error(code_, cat(what_, ": ", complaint));
}

void SafeTensors::parse_header(std::string_view text) {
  const nlohmann::json document = parse_json(text, cat(what_, ": header"), code_);
  for (const auto& [name, node] : JsonNode(document, what_, code_).members(kMostTensors)) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : node.members(kMostTensors)) metadata_[key] = value.string();
      continue;
    }
    Tensor tensor;
    std::uint64_t size = element_size(node.at("dtype"));
    tensor.dtype = node.at("dtype").string();
    for (const JsonNode& dim : node.at("shape").items(0, kMostDims)) {
      tensor.shape.push_back(dim.integer(0, std::numeric_limits<std::int32_t>::max()));
      // A product above the data's size is refused before it can overflow.
      size *= static_cast<std::uint64_t>(tensor.shape.back());
      if (size > data_.size()) {
        node.at("shape").fail(cat("[", join(tensor.shape), ", ...]"),
                              cat("at most ", data_.size(), " bytes"));
      }
    }
    const auto limit = static_cast<std::int64_t>(data_.size());
    const std::vector<JsonNode> offsets = node.at("data_offsets").items(2, 2);
    tensor.begin = static_cast<std::size_t>(offsets[0].integer(0, limit));
    tensor.end = static_cast<std::size_t>(
        offsets[1].integer(static_cast<std::int64_t>(tensor.begin), limit));
    if (tensor.end - tensor.begin != size) {
      node.at("data_offsets").fail(cat(tensor.end - tensor.begin, " bytes"), cat(size));
    }
    tensors_.emplace(name, std::move(tensor));
  }
}

void SafeTensors::check_layout() const {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  ranges.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) ranges.emplace_back(tensor.begin, tensor.end);
  std::sort(ranges.begin(), ranges.end());
  std::size_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != covered) {
      fail(cat("tensor data ", begin < covered ? "overlaps" : "has a gap", " at byte ", begin));
    }
    covered = end;
  }
  if (covered != data_.size()) {
    fail(cat("the tensors end at byte ", covered, " of ", data_.size(), " bytes of data"));
  }
}

std::optional<std::string> SafeTensors::metadata(const std::string& key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? std::nullopt : std::optional(found->second);
}

const SafeTensors::Tensor& SafeTensors::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(cat("the tensor ", quote_name(name), " is missing"));
  return found->second;
}

const std::vector<std::int64_t>& SafeTensors::shape(const std::string& name) const {
  return find(name).shape;
}

std::span<const std::byte> SafeTensors::bytes_of(const std::string& name, const std::string& dtype,
                                                 const std::vector<std::int64_t>& shape) const {
  const Tensor& tensor = find(name);
  if (tensor.dtype != dtype || tensor.shape != shape) {
    fail(cat("tensor ", quote_name(name), ": ", tensor.dtype, " (", join(tensor.shape), ") came, ",
             dtype, " (", join(shape), ") expected"));
  }
  return data_.subspan(tensor.begin, tensor.end - tensor.begin);
}

std::vector<float> SafeTensors::f32(const std::string& name,
                                    const std::vector<std::int64_t>& shape) const {
  return copy_values<float>(bytes_of(name, "F32", shape));
}

std::vector<double> SafeTensors::f64(const std::string& name,
                                     const std::vector<std::int64_t>& shape) const {
  return copy_values<double>(bytes_of(name, "F64", shape));
}

}  // namespace eenet
