#include "tiers/handoff.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "eenet/error.h"

#include "bundle/format.h"
#include "util/bytes.h"
#include "util/crc32.h"
#include "util/float16.h"
#include "util/hex.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr std::string_view kMagic = "EENET-HO";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHash = 32;
constexpr std::size_t kHeader = 96;
constexpr std::size_t kChecksum = sizeof(std::uint32_t);
// As a manifest's.
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kMostDims = 7;

struct Journey {
  Transport transport;
  DType dtype;
};
/// By the numbers of Transport.
constexpr std::array<Journey, 6> kJourneys = {{
    {Transport::kFloat32, DType::kFloat32},
    {Transport::kInt64, DType::kInt64},
    {Transport::kRounded, DType::kFloat32},
    {Transport::kFloat16, DType::kFloat16},
    {Transport::kInt32, DType::kInt32},
    {Transport::kUInt8, DType::kUInt8},
}};

std::size_t encoded_size(const Handoff& handoff) {
  std::size_t size = kHeader + kChecksum + handoff.thresholds.size() * sizeof(double);
  size += handoff.scores.size() * sizeof(float);
  size += sizeof(std::uint32_t) + handoff.readout.size();
  for (const HandoffTensor& tensor : handoff.tensors) {
    size += 4 + tensor.name.size() + tensor.shape.size() * sizeof(std::uint32_t);
    size += tensor.data.size();
  }
  return size;
}

void write_header(const Handoff& handoff, std::size_t size, ByteWriter& out) {
  out.text(kMagic);
  out.number(kVersion);
  out.number(static_cast<std::uint64_t>(size));
  out.append(from_hex(handoff.network));
  out.append(handoff.policy.empty() ? std::vector<std::byte>(kHash) : from_hex(handoff.policy));
  out.number(static_cast<std::uint32_t>(handoff.num_exits));
  out.number(static_cast<std::uint32_t>(handoff.next_exit));
  out.number(static_cast<std::uint32_t>(handoff.tensors.size()));
}

void write_tensor(const HandoffTensor& tensor, ByteWriter& out) {
  out.number(static_cast<std::uint16_t>(tensor.name.size()));
  out.text(tensor.name);
  out.number(static_cast<std::uint8_t>(tensor.transport));
  out.number(static_cast<std::uint8_t>(tensor.shape.size()));
  for (const std::int64_t size : tensor.shape) out.number(static_cast<std::uint32_t>(size));
  out.append(tensor.data);
}

/// Reads a hand-off from front to back.
class HandoffReader {
 public:
  explicit HandoffReader(std::span<const std::byte> bytes)
      : bytes_(bytes), in_(bytes, "hand-off", ErrorCode::kInput) {}

  Handoff read();

 private:
  void check_frame();
  void read_header();
  void read_exits();
  void read_tensors();
  HandoffTensor read_tensor();
  Transport read_transport(const std::string& what);
  /// A number in its range.
  std::uint32_t bounded(const char* field, std::uint32_t min, std::uint32_t max);

  std::span<const std::byte> bytes_;
  ByteReader in_;
  Handoff out_;
  std::size_t num_tensors_ = 0;
};

Handoff HandoffReader::read() {
  check_frame();
  read_header();
  read_exits();
  read_tensors();
  if (in_.left() > 0) in_.fail(cat(in_.left(), " bytes after the last tensor"));
  return std::move(out_);
}

std::uint32_t HandoffReader::bounded(const char* field, std::uint32_t min, std::uint32_t max) {
  const auto came = in_.number<std::uint32_t>(field);
  if (came < min || came > max) {
    in_.fail(cat(field, ": ", came, " came, ", min, " to ", max, " expected"));
  }
  return came;
}

void HandoffReader::check_frame() {
  if (bytes_.size() < kHeader + kChecksum) {
    in_.fail(cat(bytes_.size(), " bytes came, at least ", kHeader + kChecksum, " expected"));
  }
  const std::span<const std::byte> magic = in_.take(kMagic.size(), "magic");
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
    in_.fail(cat("does not begin with '", kMagic, "'"));
  }
  const auto version = in_.number<std::uint32_t>("version");
  if (version != kVersion) {
    in_.fail(
        cat("version ", version, " came, one that this runtime knows (", kVersion, ") expected"));
  }
  const auto size = in_.number<std::uint64_t>("size");
  if (size != bytes_.size()) {
    in_.fail(cat(bytes_.size(), " bytes came, ", size, " expected by its header"));
  }
  std::uint32_t expected = 0;
  const std::span<const std::byte> checked = bytes_.first(bytes_.size() - kChecksum);
  std::memcpy(&expected, checked.data() + checked.size(), kChecksum);
  if (const std::uint32_t sum = crc32(checked); sum != expected) {
    in_.fail(cat("CRC-32 ", sum, " came, ", expected, " expected; it was damaged on its way"));
  }
  in_.drop_last(kChecksum);
}

void HandoffReader::read_header() {
  out_.network = to_hex(in_.take(kHash, "network"));
  const std::span<const std::byte> policy = in_.take(kHash, "policy");
  const bool full_depth = std::all_of(policy.begin(), policy.end(),
                                      [](std::byte byte) { return byte == std::byte{0}; });
  if (!full_depth) out_.policy = to_hex(policy);
  const std::uint32_t exits = bounded("exits", 2, format::kMostExits);
  out_.num_exits = exits;
  out_.next_exit = bounded("next exit", 1, exits - 1);
  num_tensors_ = bounded("tensors", 1, format::kMostTensors);
}

void HandoffReader::read_exits() {
  const bool full_depth = out_.policy.empty();
  if (!full_depth) out_.thresholds = in_.numbers<double>(out_.num_exits, "thresholds");
  for (const double threshold : out_.thresholds) {
    if (std::isnan(threshold)) in_.fail("thresholds: NaN came, numbers expected");
  }
  out_.scores = in_.numbers<float>(out_.next_exit, "scores");
  const auto size = in_.number<std::uint32_t>("size of the readout");
  const std::span<const std::byte> readout = in_.take(size, "readout");
  out_.readout.assign(readout.begin(), readout.end());
}

void HandoffReader::read_tensors() {
  for (std::size_t i = 0; i < num_tensors_; ++i) {
    HandoffTensor tensor = read_tensor();
    if (i > 0 && tensor.name <= out_.tensors.back().name) {
      in_.fail(cat("tensor ", quote_name(tensor.name), " came after ",
                   quote_name(out_.tensors.back().name), ", ascending names expected"));
    }
    out_.tensors.push_back(std::move(tensor));
  }
}

HandoffTensor HandoffReader::read_tensor() {
  HandoffTensor tensor;
  const auto length = in_.number<std::uint16_t>("length of a tensor's name");
  if (length == 0 || length > kLongestName) {
    in_.fail(cat("tensor: a name of ", length, " bytes came, 1 to ", kLongestName, " expected"));
  }
  const std::span<const std::byte> name = in_.take(length, "name of a tensor");
  tensor.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  const std::string what = cat("tensor ", quote_name(tensor.name));
  tensor.transport = read_transport(what);
  const auto dims = in_.number<std::uint8_t>(what);
  if (dims > kMostDims) {
    in_.fail(cat(what, ": ", int{dims}, " dimensions came, at most ", kMostDims, " expected"));
  }
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < dims; ++i) {
    const auto size = in_.number<std::uint32_t>(what);
    // Both factors are below 2^32, so that the product cannot overflow before it is refused.
    elements *= size;
    if (elements == 0 || elements > format::kMostElements) {
      in_.fail(cat(what, ": ", elements == 0 ? "no" : "more than 2147483647", " elements came"));
    }
    tensor.shape.push_back(size);
  }
  tensor.data = in_.take(elements * transport_size(tensor.transport), what);
  return tensor;
}

Transport HandoffReader::read_transport(const std::string& what) {
  const auto code = in_.number<std::uint8_t>(what);
  if (code < kJourneys.size()) return static_cast<Transport>(code);
  in_.fail(cat(what, ": transport ", int{code}, " came, 0 to ", kJourneys.size() - 1, " expected"));
}

}  // namespace

Transport transport_of(DType dtype) {
  return std::ranges::find(kJourneys, dtype, &Journey::dtype)->transport;
}

DType tensor_dtype(Transport transport) {
  return kJourneys[static_cast<std::size_t>(transport)].dtype;
}

std::size_t transport_size(Transport transport) {
  return dtype_size(transport == Transport::kRounded ? DType::kFloat16 : tensor_dtype(transport));
}

Handoff make_handoff(const Manifest& manifest, std::size_t next_exit, const ExitPolicy* policy,
                     const ExitState& state, std::span<const float> outputs) {
  Handoff out;
  out.network = manifest.network();
  out.next_exit = next_exit;
  out.num_exits = manifest.num_exits();
  out.scores.resize(next_exit);
  ByteWriter readout;
  state.readout().save(next_exit, outputs, readout);
  out.readout = readout.finish();
  if (policy == nullptr) return out;
  out.policy = policy->digest();
  out.thresholds.assign(policy->thresholds().begin(), policy->thresholds().end());
  std::ranges::copy(state.scores(next_exit - 1), out.scores.begin());
  return out;
}

void restore(const Handoff& handoff, ExitState& state, std::span<float> outputs) {
  ByteReader in(handoff.readout, "hand-off", ErrorCode::kInput);
  state.restore(handoff.scores, in, outputs);
  if (in.left() > 0) in.fail(cat("readout: ", in.left(), " bytes too many came"));
}

std::vector<std::byte> encode_handoff(const Handoff& handoff) {
  const std::size_t size = encoded_size(handoff);
  ByteWriter out;
  out.reserve(size);
  write_header(handoff, size, out);
  out.numbers<double>(handoff.thresholds);
  out.numbers<float>(handoff.scores);
  out.number(static_cast<std::uint32_t>(handoff.readout.size()));
  out.append(handoff.readout);
  for (const HandoffTensor& tensor : handoff.tensors) write_tensor(tensor, out);
  out.number(crc32(out.bytes()));
  return out.finish();
}

Handoff decode_handoff(std::span<const std::byte> bytes) {
  return HandoffReader(bytes).read();
}

void check_handoff(const Manifest& manifest, const Handoff& handoff) {
  if (handoff.network != manifest.network()) {
    throw Error(ErrorCode::kInput, cat("hand-off: one of network ", handoff.network, " came, of ",
                                       manifest.network(), " expected"));
  }
  if (handoff.num_exits != manifest.num_exits()) {
    throw Error(ErrorCode::kInput, cat("hand-off: ", handoff.num_exits, " exits came, ",
                                       manifest.num_exits(), " expected"));
  }
  if (handoff.next_exit < manifest.first_exit() || handoff.next_exit >= manifest.end_exit()) {
    throw Error(ErrorCode::kConfiguration,
                cat("hand-off: goes on with exit ", handoff.next_exit, ", the bundle holds exits ",
                    manifest.first_exit(), " to ", manifest.end_exit() - 1));
  }
}

void check_begins(const Manifest& manifest) {
  if (manifest.first_exit() == 0) return;
  throw Error(ErrorCode::kConfiguration,
              cat("this bundle holds exits ", manifest.first_exit(), " to ",
                  manifest.end_exit() - 1, ": it only resumes what was begun elsewhere"));
}

std::vector<std::uint16_t> to_half(const std::string& name, std::span<const float> values) {
  std::vector<std::uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), to_float16);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if ((halves[i] & 0x7FFFU) == 0x7C00U && std::isfinite(values[i])) {
      throw Error(ErrorCode::kInput, cat("hand-off: tensor ", quote_name(name), ": ", values[i],
                                         " came, at most 65504 expected for transport as float16"));
    }
  }
  return halves;
}

void unpack(const HandoffTensor& tensor, std::byte* to) {
  if (tensor.transport != Transport::kRounded) {
    std::memcpy(to, tensor.data.data(), tensor.data.size());
    return;
  }
  auto* const values = reinterpret_cast<float*>(to);
  for (std::size_t i = 0; i < tensor.data.size() / sizeof(std::uint16_t); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, tensor.data.data() + i * sizeof half, sizeof half);
    values[i] = from_float16(half);
  }
}

}  // namespace eenet
