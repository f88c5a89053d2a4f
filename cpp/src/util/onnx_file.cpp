#include "util/onnx_file.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {
namespace {

/// The messages of ONNX on the way to a tensor.
enum class Message { kModel, kTraining, kFunction, kGraph, kNode, kAttribute, kSparse, kTensor };

struct Child {
  Message parent;
  std::uint64_t field;
  Message child;
};

constexpr Child kChildren[] = {
    {Message::kModel, 7, Message::kGraph},         {Message::kModel, 20, Message::kTraining},
    {Message::kModel, 25, Message::kFunction},     {Message::kTraining, 1, Message::kGraph},
    {Message::kTraining, 2, Message::kGraph},      {Message::kFunction, 7, Message::kNode},
    {Message::kFunction, 11, Message::kAttribute}, {Message::kGraph, 1, Message::kNode},
    {Message::kGraph, 5, Message::kTensor},        {Message::kGraph, 15, Message::kSparse},
    {Message::kNode, 5, Message::kAttribute},      {Message::kAttribute, 5, Message::kTensor},
    {Message::kAttribute, 6, Message::kGraph},     {Message::kAttribute, 10, Message::kTensor},
    {Message::kAttribute, 11, Message::kGraph},    {Message::kAttribute, 22, Message::kSparse},
    {Message::kAttribute, 23, Message::kSparse},   {Message::kSparse, 1, Message::kTensor},
    {Message::kSparse, 2, Message::kTensor},
};
constexpr std::uint64_t kExternalData = 13;  // Of a tensor: where its data lie outside,
constexpr std::uint64_t kDataLocation = 14;  // and whether they do.

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;                          // Of a number.
  std::optional<std::span<const std::byte>> bytes;  // Of a string or message.
};

/// Walks a serialised message. Its fields may come in any order and any number of times.
class Walker {
 public:
  explicit Walker(const std::string& what) : what_(what) {}

  void walk(std::span<const std::byte> message, Message kind, int depth) const {
    constexpr int kDeepest = 100;  // As protobuf itself.
    if (depth > kDeepest) fail("nested too deeply");
    while (!message.empty()) {
      const Field field = next(message);
      const bool outside =
          field.number == kExternalData || (field.number == kDataLocation && field.value != 0);
      if (kind == Message::kTensor && outside) {
        fail("a tensor's data lie in another file, weights inside expected");
      }
      if (!field.bytes) continue;
      const auto child = std::find_if(
          std::begin(kChildren), std::end(kChildren),
          [&](const Child& each) { return each.parent == kind && each.field == field.number; });
      if (child != std::end(kChildren)) walk(*field.bytes, child->child, depth + 1);
    }
  }

 private:
  [[noreturn]] void fail(const char* complaint) const {
    throw Error(ErrorCode::kBundle, cat(what_, ": ", complaint));
  }

  std::span<const std::byte> take(std::span<const std::byte>& rest, std::uint64_t size) const {
    if (size > rest.size()) fail("not a complete ONNX file");
    const auto taken = rest.first(static_cast<std::size_t>(size));
    rest = rest.subspan(taken.size());
    return taken;
  }

  std::uint64_t varint(std::span<const std::byte>& rest) const {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint64_t>(take(rest, 1).front());
      value |= (byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    fail("not an ONNX file");
  }

  Field next(std::span<const std::byte>& rest) const {
    const std::uint64_t key = varint(rest);
    // Readers keep 32 bits of the key.
    Field field{(key & 0xFFFFFFFFU) >> 3U, 0, std::nullopt};
    switch (key & 7U) {
      case 0:
        field.value = varint(rest);
        break;
      case 1:
        take(rest, 8);
        break;
      case 2:
        field.bytes = take(rest, varint(rest));
        break;
      case 5:
        take(rest, 4);
        break;
      default:
        fail("not an ONNX file");
    }
    return field;
  }

  const std::string& what_;
};

}  // namespace

void check_self_contained(std::span<const std::byte> bytes, const std::string& what) {
  if (bytes.empty()) throw Error(ErrorCode::kBundle, cat(what, ": an empty file, ONNX expected"));
  Walker(what).walk(bytes, Message::kModel, 0);
}

}  // namespace eenet
