#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.h"
#include "tiers/handoff.h"
#include "util/crc32.h"
#include "util/hex.h"
#include "util/text.h"

namespace eenet {
namespace {

using test::expect_error;
using Bytes = std::vector<std::byte>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kExits = 84;  // Then classes, next exit, tensors.
constexpr std::size_t kThresholds = 96;

const std::int64_t kSeven = 7;
const std::vector<std::uint16_t> kHalves = {0x3C00, 0xC000};
const std::vector<float> kFloats = {0.5F, -0.25F};

/// After exit 0 of two; three tensors, one of each kind.
Handoff sample() {
  Handoff out;
  out.network = std::string(64, '1');
  out.next_exit = 1;
  out.num_exits = 2;
  out.policy = std::string(62, 'a') + "0b";
  out.thresholds = {0.5, std::numeric_limits<double>::infinity()};
  out.scores = {0.25F};
  out.readout = from_hex("01000000000080bf00000040");
  out.tensors = {
      {"a", Transport::kInt64, {}, std::as_bytes(std::span(&kSeven, 1))},
      {"b", Transport::kRounded, {2}, std::as_bytes(std::span(kHalves))},
      {"c", Transport::kFloat32, {1, 2}, std::as_bytes(std::span(kFloats))},
  };
  return out;
}

/// Puts size and checksum right after a change, so that what lies behind them is looked at.
Bytes sealed(Bytes bytes) {
  const std::uint64_t size = bytes.size();
  std::memcpy(bytes.data() + 12, &size, sizeof size);
  const std::uint32_t sum = crc32(std::span(bytes).first(bytes.size() - 4));
  std::memcpy(bytes.data() + bytes.size() - 4, &sum, sizeof sum);
  return bytes;
}

template <typename T>
Bytes with(std::size_t offset, T value) {
  Bytes bytes = encode_handoff(sample());
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  return sealed(std::move(bytes));
}

void expect_refused(const Bytes& bytes, const std::vector<std::string>& message) {
  expect_error(ErrorCode::kInput, message, [&] { decode_handoff(bytes); });
}

TEST(Handoff, HasTheGoldenBytes) {
  const std::string golden =
      "45454e45542d484f"  // EENET-HO
      "01000000"          // version
      "b700000000000000"  // size
      "1111111111111111111111111111111111111111111111111111111111111111"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0b"
      "02000000"
      "01000000"
      "03000000"  // exits, next exit, tensors
      "000000000000e03f"
      "000000000000f07f"  // thresholds
      "0000803e"          // score
      "0c000000"
      "01000000"
      "000080bf"
      "00000040"  // readout: its size, label, logits
      "0100"
      "61"
      "01"
      "00"
      "0700000000000000"
      "0100"
      "62"
      "02"
      "01"
      "02000000"
      "003c"
      "00c0"
      "0100"
      "63"
      "00"
      "02"
      "01000000"
      "02000000"
      "0000003f"
      "000080be";
  const std::string checksum = "bbfcc856";
  EXPECT_EQ(to_hex(encode_handoff(sample())), golden + checksum);
  const Bytes bytes = from_hex(golden + checksum);
  const Handoff read = decode_handoff(bytes);
  EXPECT_EQ(read.network, sample().network);
  EXPECT_EQ(read.policy, sample().policy);
  EXPECT_EQ(read.num_exits, 2U);
  EXPECT_EQ(read.next_exit, 1U);
  EXPECT_EQ(read.thresholds, sample().thresholds);
  EXPECT_EQ(read.scores, sample().scores);
  EXPECT_EQ(read.readout, sample().readout);
  ASSERT_EQ(read.tensors.size(), 3U);
  EXPECT_EQ(read.tensors[2].name, "c");
  EXPECT_EQ(read.tensors[2].shape, (std::vector<std::int64_t>{1, 2}));
  std::vector<float> values(2);
  unpack(read.tensors[2], reinterpret_cast<std::byte*>(values.data()));
  EXPECT_EQ(values, kFloats);
  unpack(read.tensors[1], reinterpret_cast<std::byte*>(values.data()));
  EXPECT_EQ(values, (std::vector<float>{1, -2}));
}

TEST(Handoff, CarriesTensorsOfEveryDtypeAsTheyAre) {
  const std::vector<std::pair<DType, int>> codes = {{DType::kFloat32, 0},
                                                    {DType::kInt64, 1},
                                                    {DType::kFloat16, 3},
                                                    {DType::kInt32, 4},
                                                    {DType::kUInt8, 5}};
  const Bytes numbers = from_hex("000102030405060708090a0b0c0d0e0f");
  for (const auto& [dtype, code] : codes) {
    const Transport transport = transport_of(dtype);
    EXPECT_EQ(static_cast<int>(transport), code);
    EXPECT_EQ(tensor_dtype(transport), dtype);
    const std::size_t size = 2 * dtype_size(dtype);
    Handoff handoff = sample();
    handoff.tensors = {{"a", transport, {2}, std::span(numbers).first(size)}};
    const Bytes bytes = encode_handoff(handoff);
    const Handoff read = decode_handoff(bytes);
    EXPECT_EQ(read.tensors[0].transport, transport);
    Bytes to(size);
    unpack(read.tensors[0], to.data());
    EXPECT_EQ(to, Bytes(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  EXPECT_EQ(tensor_dtype(Transport::kRounded), DType::kFloat32);
}

TEST(Handoff, FullDepthHasNoThresholds) {
  Handoff handoff = sample();
  handoff.policy.clear();
  handoff.thresholds.clear();
  handoff.scores = {0};
  const Bytes bytes = encode_handoff(handoff);
  EXPECT_EQ(bytes.size(), encode_handoff(sample()).size() - 16);
  const Handoff read = decode_handoff(bytes);
  EXPECT_TRUE(read.policy.empty());
  EXPECT_TRUE(read.thresholds.empty());
}

TEST(Handoff, TensorsHaveUpToSevenDimensions) {
  Handoff handoff = sample();
  handoff.tensors.back().shape = {1, 1, 1, 2, 1, 1, 1};
  const Bytes bytes = encode_handoff(handoff);
  EXPECT_EQ(decode_handoff(bytes).tensors.back().shape, handoff.tensors.back().shape);
}

TEST(Handoff, ScoresTravelWhateverTheyAre) {
  for (const float score : {kInf, -kInf, std::numeric_limits<float>::quiet_NaN()}) {
    Handoff handoff = sample();
    handoff.scores = {score};
    const Bytes bytes = encode_handoff(handoff);
    EXPECT_EQ(std::memcmp(decode_handoff(bytes).scores.data(), &score, sizeof score), 0);
  }
}

TEST(Handoff, RefusesEveryTruncation) {
  const Bytes whole = encode_handoff(sample());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    expect_refused(part, {"hand-off: ", "bytes came"});
    if (size >= 100)
      expect_error(ErrorCode::kInput, {"hand-off"}, [&] { decode_handoff(sealed(part)); });
  }
  Bytes longer = whole;
  longer.insert(longer.end() - 4, std::byte{0});
  expect_refused(longer, {"184 bytes came", "183 expected"});
  expect_refused(sealed(longer), {"1 bytes after the last tensor"});
}

TEST(Handoff, RefusesEveryFlippedBit) {
  const Bytes whole = encode_handoff(sample());
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    Bytes bytes = whole;
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    expect_refused(bytes, {"hand-off: "});
  }
}

TEST(Handoff, NamesWhatIsWrong) {
  Bytes magic = encode_handoff(sample());
  magic[0] = std::byte{'e'};
  expect_refused(magic, {"does not begin with 'EENET-HO'"});
  Bytes version = encode_handoff(sample());
  version[8] = std::byte{2};
  expect_refused(version, {"version 2 came", "(1)"});
  Bytes damaged = encode_handoff(sample());
  damaged[150] ^= std::byte{1};
  expect_refused(damaged, {"CRC-32", "damaged"});
  expect_refused(with<std::uint32_t>(kExits, 1), {"exits: 1 came, 2 to 64"});
  expect_refused(with<std::uint32_t>(kExits, 65), {"exits: 65 came"});
  expect_refused(with<std::uint32_t>(kExits, 64), {"bytes came"});
  expect_refused(with<std::uint32_t>(kExits + 4, 0), {"next exit: 0 came, 1 to 1"});
  expect_refused(with<std::uint32_t>(kExits + 4, 2), {"next exit: 2 came"});
  expect_refused(with<std::uint32_t>(kExits + 8, 0), {"tensors: 0 came"});
  expect_refused(with<std::uint32_t>(kExits + 8, 4), {"name"});
  expect_refused(with<std::uint32_t>(kExits + 8, 2), {"21 bytes after the last tensor"});
  expect_refused(with<std::uint32_t>(kExits + 8, 4097), {"tensors: 4097 came"});
  expect_refused(with<double>(kThresholds, kNan), {"thresholds: NaN"});
  expect_refused(with<std::uint32_t>(kThresholds + 20, 4096), {"readout: ", "4096 expected"});
}

TEST(Handoff, NamesWhatIsWrongWithATensor) {
  const auto refuse = [](const HandoffTensor& tensor, const std::vector<std::string>& message) {
    Handoff handoff = sample();
    handoff.tensors.back() = tensor;
    expect_refused(encode_handoff(handoff), message);
  };
  const auto data = std::as_bytes(std::span(kFloats));
  refuse({"b", Transport::kFloat32, {2}, data}, {"'b' came after 'b'", "ascending"});
  refuse({"a", Transport::kFloat32, {2}, data}, {"'a' came after 'b'"});
  refuse({"", Transport::kFloat32, {2}, data}, {"a name of 0 bytes"});
  refuse({std::string(257, 'c'), Transport::kFloat32, {2}, data}, {"a name of 257 bytes"});
  refuse({"c\n", static_cast<Transport>(6), {2}, data}, {"'c\\x0a'", "transport 6 came", "0 to 5"});
  refuse({"c", Transport::kFloat32, {0}, {}}, {"'c'", "no elements"});
  refuse({"c", Transport::kFloat32, {3}, data}, {"'c'", "8 bytes came, 12 expected"});
  refuse({"c", Transport::kFloat32, {1}, data}, {"4 bytes after the last tensor"});
  refuse({"c", Transport::kFloat32, {65'536, 65'536}, data}, {"'c'", "more than 2147483647"});
  refuse({"c", Transport::kInt64, {2'147'483'647}, data}, {"8 bytes came, 17179869176"});
  refuse({"c", Transport::kFloat32, std::vector<std::int64_t>(8, 1), data}, {"8 dimensions"});
}

TEST(Handoff, SurvivesWhateverIsSealed) {
  // Anyone can compute a checksum: behind a right one there may be anything.
  const Bytes whole = encode_handoff(sample());
  std::minstd_rand random(1);
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    Bytes bytes = whole;
    for (auto flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[20 + random() % (bytes.size() - 24)] = static_cast<std::byte>(random());
    }
    try {
      const Handoff handoff = decode_handoff(sealed(std::move(bytes)));
      ++accepted;
      EXPECT_LT(handoff.next_exit, handoff.num_exits);
      EXPECT_EQ(handoff.scores.size(), handoff.next_exit);
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(ErrorCode::kInput));
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(ToHalf, RefusesWhatHalfPrecisionCannotHold) {
  EXPECT_EQ(to_half("x", std::vector<float>{1, -kInf, 65504}),
            (std::vector<std::uint16_t>{0x3C00, 0xFC00, 0x7BFF}));
  expect_error(ErrorCode::kInput, {"tensor 'trunk_0'", "65520 came", "65504"},
               [] { to_half("trunk_0", std::vector<float>{0, 65520}); });
}

}  // namespace
}  // namespace eenet
