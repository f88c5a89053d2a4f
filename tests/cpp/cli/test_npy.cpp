#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "npy.h"
#include "support.h"
#include "util/text.h"

namespace eenet::tools {
namespace {

using test::expect_error;

/// A .npy file of this format version.
std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string length;
  for (unsigned shift = 0; shift < (version == 1 ? 16U : 32U); shift += 8) {
    length += static_cast<char>(header.size() >> shift & 0xFFU);
  }
  return std::string("\x93NUMPY") + static_cast<char>(version) + '\0' + length + header + data;
}

std::string header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

NpyArray parse(const std::string& file) {
  const auto bytes = test::bytes_of(file);
  return parse_npy({bytes.begin(), bytes.end()}, "'x.npy'");
}

void expect_refused(const std::string& file, const std::vector<std::string>& parts) {
  expect_error(ErrorCode::kInput, parts, [&] { parse(file); });
}

template <typename T>
std::vector<T> values(const NpyArray& array, std::size_t count) {
  std::vector<T> out(count);
  std::memcpy(out.data(), array.view().data, count * sizeof(T));
  return out;
}

TEST(Npy, ReadsWhatNumpyWrites) {
  const float numbers[] = {1, 2, 3, 4, 5, 6};
  const std::string data(reinterpret_cast<const char*>(numbers), sizeof numbers);
  for (int version = 1; version <= 3; ++version) {
    const NpyArray array = parse(npy(header("<f4", "(2, 3)"), data, version));
    EXPECT_EQ(array.dtype, DType::kFloat32);
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(values<float>(array, 6), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  }
}

TEST(Npy, ReadsEveryDtypeOfTensors) {
  const std::string data("\0\x3C\1\2\3\4\5\6", 8);
  const std::vector<std::pair<std::string, DType>> dtypes = {
      {"<f2", DType::kFloat16}, {"<i4", DType::kInt32}, {"|u1", DType::kUInt8}};
  for (const auto& [descr, dtype] : dtypes) {
    const std::size_t count = data.size() / dtype_size(dtype);
    const NpyArray array = parse(npy(header(descr, cat("(", count, ",)")), data));
    EXPECT_EQ(array.dtype, dtype);
    EXPECT_EQ(values<char>(array, 8), std::vector<char>(data.begin(), data.end()));
  }
  expect_refused(npy(header("|u1", "(4,)"), data), {"8 bytes of numbers", "uint8 (4) expected"});
}

TEST(Npy, ReadsIntegersAndEveryRank) {
  const std::int64_t number = -7;
  const std::string data(reinterpret_cast<const char*>(&number), sizeof number);
  for (const auto& [shape, rank] : {std::pair("()", 0), {"(1,)", 1}, {"(1, 1, 1)", 3}}) {
    const NpyArray array = parse(npy(header("<i8", shape), data));
    EXPECT_EQ(array.dtype, DType::kInt64);
    EXPECT_EQ(array.shape, std::vector<std::int64_t>(static_cast<std::size_t>(rank), 1));
    EXPECT_EQ(values<std::int64_t>(array, 1).front(), -7);
  }
  EXPECT_EQ(parse(npy(header("<f4", "(0, 3)"), "")).shape, (std::vector<std::int64_t>{0, 3}));
}

TEST(Npy, TakesKeysInAnyOrderAndOtherQuotes) {
  const NpyArray array =
      parse(npy("{\"shape\":(1,),'fortran_order':False,\"descr\":\"<f4\"}", "abcd"));
  EXPECT_EQ(array.shape, std::vector<std::int64_t>{1});
}

TEST(Npy, RefusesOtherFilesAndArrays) {
  expect_refused("", {"'x.npy'", "not a .npy file"});
  expect_refused("PK\x03\x04 an archive of arrays", {"not a .npy file"});
  expect_refused("\x93NUMPY", {"not a .npy file"});
  expect_refused(npy(header("<f4", "(1,)"), "abcd", 4), {"format 4 came, 1 to 3 expected"});
  expect_refused(npy(header("<f8", "(1,)"), "abcdefgh"), {"'<f8' came", "'<f4'", "'<i8'"});
  expect_refused(npy(header(">f4", "(1,)"), "abcd"), {"'>f4' came"});
  expect_refused(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "abcd"),
                 {"Fortran order came, C order expected"});
}

TEST(Npy, RefusesShapesThatAreNotThoseOfTheData) {
  expect_refused(npy(header("<f4", "(2,)"), "abcd"), {"4 bytes", "float32 (2) expected"});
  expect_refused(npy(header("<f4", "(1,)"), "abcde"), {"5 bytes"});
  expect_refused(npy(header("<f4", "(0,)"), "abcd"), {"4 bytes"});
  expect_refused(npy(header("<f4", "(1,)"), ""), {"0 bytes"});
  expect_refused(npy(header("<f4", "(-1,)"), "abcd"), {"shape"});
  // Their products are 2^64 + 4 and 2^64 times 4 bytes: 4 and 0 where an overflow is not seen.
  expect_refused(npy(header("<f4", "(4611686018427387905,)"), "abcd"), {"4 bytes"});
  expect_refused(npy(header("<f4", "(4294967296, 4294967296)"), ""), {"0 bytes"});
  expect_refused(npy(header("<f4", "(99999999999999999999,)"), "abcd"), {"shape"});
  std::string deep = "(";
  for (int i = 0; i < 33; ++i) deep += "1,";
  expect_refused(npy(header("<f4", deep + ")"), "abcd"), {"at most 32 dimensions"});
}

TEST(Npy, RefusesDamagedHeaders) {
  const std::string good = header("<f4", "(1,)");
  const std::string file = npy(good, "abcd");
  for (std::size_t length = 8; length < file.size() - 4; ++length) {
    expect_refused(file.substr(0, length), {"'x.npy'"});
  }
  for (std::size_t length = 0; length + 2 < good.size(); ++length) {
    expect_refused(npy(good.substr(0, length), "abcd"), {"'x.npy'"});
  }
  expect_refused(npy(good + "x", "abcd"), {"something follows"});
  expect_refused(npy("{'descr': '<f4', 'shape': (1,)}", "abcd"), {"lacks", "fortran_order"});
  expect_refused(npy("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "abcd"), {"twice"});
  expect_refused(npy("{'names': ['a']}", "abcd"), {"'names'", "not understood"});
}

TEST(Npy, RefusesFilesThatCannotBeRead) {
  const test::TemporaryFolder folder;
  expect_error(ErrorCode::kInput, {"missing.npy", "cannot be opened"},
               [&] { read_npy(folder.path() / "missing.npy"); });
  expect_error(ErrorCode::kInput, {"not a regular file"}, [&] { read_npy(folder.path()); });
}

}  // namespace
}  // namespace eenet::tools
