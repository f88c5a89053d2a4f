#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.h"
#include "util/sha256.h"
#include "util/sha256_compress.h"

namespace eenet {
namespace {

using test::bytes_of;

// Vectors of FIPS 180-4 and NIST's examples.
TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(sha256_hex(bytes_of("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(bytes_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256_hex(bytes_of(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i);
  const std::string whole = sha256_hex(bytes_of(text));
  for (const std::size_t cut : {0U, 1U, 55U, 56U, 63U, 64U, 65U, 127U, 128U, 299U}) {
    Sha256 hash;
    hash.update(bytes_of(std::string_view(text).substr(0, cut)));
    hash.update(bytes_of(std::string_view(text).substr(cut)));
    EXPECT_EQ(hash.finish(), whole) << "cut at " << cut;
  }
}

TEST(Sha256, InstructionsComputeWhatTheDefinitionSays) {
  const Sha256Compress fast = compress_by_instructions();
  if (fast == nullptr) GTEST_SKIP() << "this processor has no instructions for SHA-256";
  std::mt19937 random(3);
  std::vector<std::byte> blocks(7 * 64 + 1);
  for (std::byte& each : blocks) each = static_cast<std::byte>(random());
  for (const std::size_t count : {0U, 1U, 2U, 7U}) {
    for (const std::size_t start : {0U, 1U}) {  // Bytes need not be aligned.
      Sha256State expected = {1, 2, 3, 4, 0xFFFFFFFF, 6, 7, 0x80000000};
      Sha256State state = expected;
      compress_portably(expected, blocks.data() + start, count);
      fast(state, blocks.data() + start, count);
      EXPECT_EQ(state, expected) << count << " blocks from byte " << start;
    }
  }
}

// Lengths around the end of a block, where the padding needs one block or two.
TEST(Sha256, PadsEveryLength) {
  EXPECT_EQ(sha256_hex(bytes_of(std::string(55, 'a'))),
            "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  EXPECT_EQ(sha256_hex(bytes_of(std::string(56, 'a'))),
            "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  EXPECT_EQ(sha256_hex(bytes_of(std::string(64, 'a'))),
            "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

}  // namespace
}  // namespace eenet
