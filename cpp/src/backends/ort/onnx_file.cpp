#include "backends/ort/onnx_file.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::ort {
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

/// How an operator or a function is called: domain, name and overload.
using Name = std::tuple<std::string, std::string, std::string>;

constexpr std::uint64_t kMostNodes = 1'000'000;
constexpr const char* kTooManyNodes =
    "more than 1000000 nodes once its functions are put in, or functions that call themselves";

/// Where in a message its parts are.
struct NameFields {
  Message message;
  std::uint64_t domain;
  std::uint64_t name;
  std::uint64_t overload;
};

constexpr NameFields kNameFields[] = {{Message::kNode, 7, 4, 8}, {Message::kFunction, 10, 1, 13}};

/// What the nodes of a graph or function call, and how often.
using Calls = std::map<Name, std::uint64_t>;

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;                          // Of a number.
  std::optional<std::span<const std::byte>> bytes;  // Of a string or message.
};

/// Takes one part of a name out of a field, if it is one.
void read_name(const NameFields& fields, const Field& field, Name& name) {
  const std::string_view text(reinterpret_cast<const char*>(field.bytes->data()),
                              field.bytes->size());
  if (field.number == fields.domain) std::get<0>(name) = text == "ai.onnx" ? "" : text;
  if (field.number == fields.name) std::get<1>(name) = text;
  if (field.number == fields.overload) std::get<2>(name) = text;
}

/// Walks a serialised message. Its fields may come in any order and any number of times.
class Walker {
 public:
  explicit Walker(const std::string& what) : what_(what) {}

  /// Of the whole file, once it was walked.
  const Calls& calls() const { return calls_; }
  const std::map<Name, Calls>& functions() const { return functions_; }

  void walk(std::span<const std::byte> message, Message kind, int depth) {
    constexpr int kDeepest = 100;  // As protobuf itself.
    if (depth > kDeepest) fail("nested too deeply");
    const auto* const named =
        std::find_if(std::begin(kNameFields), std::end(kNameFields),
                     [kind](const NameFields& each) { return each.message == kind; });
    Name name;
    Calls outside_calls;
    if (kind == Message::kFunction) outside_calls.swap(calls_);
    while (!message.empty()) {
      const Field field = next(message);
      const bool outside =
          field.number == kExternalData || (field.number == kDataLocation && field.value != 0);
      if (kind == Message::kTensor && outside) {
        fail("a tensor's data lie in another file, weights inside expected");
      }
      if (!field.bytes) continue;
      if (named != std::end(kNameFields)) read_name(*named, field, name);
      const auto child = std::find_if(
          std::begin(kChildren), std::end(kChildren),
          [&](const Child& each) { return each.parent == kind && each.field == field.number; });
      if (child != std::end(kChildren)) walk(*field.bytes, child->child, depth + 1);
    }
    if (kind == Message::kNode) {
      if (++nodes_ > kMostNodes) fail(kTooManyNodes);
      ++calls_[name];
    }
    if (kind == Message::kFunction) {
      for (const auto& [called, times] : calls_) functions_[name][called] += times;
      calls_.swap(outside_calls);
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
  std::uint64_t nodes_ = 0;
  Calls calls_;  // Of the message that is walked, up to the function that it is in.
  std::map<Name, Calls> functions_;
};

/// Counts the nodes of a graph once the bodies of functions are in the places of their calls.
class NodeCounter {
 public:
  explicit NodeCounter(const std::map<Name, Calls>& functions) : functions_(functions) {}

  /// @return At most kMostNodes + 1; that for functions that call themselves, too.
  std::uint64_t count(const Calls& calls, int depth = 0) {
    constexpr int kDeepest = 1000;
    if (depth > kDeepest) return kMostNodes + 1;
    std::uint64_t sum = 0;
    for (const auto& [name, times] : calls) {
      const std::uint64_t each = count(name, depth);
      sum += std::min(times, kMostNodes + 1) * each;
      if (sum > kMostNodes) return kMostNodes + 1;
    }
    return sum;
  }

 private:
  std::uint64_t count(const Name& name, int depth) {
    const auto function = functions_.find(name);
    if (function == functions_.end()) return 1;
    const auto known = counted_.find(name);
    if (known != counted_.end()) return known->second;
    counted_[name] = kMostNodes + 1;  // What it counts as inside of itself.
    return counted_[name] = std::max<std::uint64_t>(1, count(function->second, depth + 1));
  }

  const std::map<Name, Calls>& functions_;
  std::map<Name, std::uint64_t> counted_;
};

/// Functions that no node calls are looked at, too: so does the library.
void check_nodes(const Walker& file, const std::string& what) {
  NodeCounter counter(file.functions());
  bool few = counter.count(file.calls()) <= kMostNodes;
  for (const auto& [name, calls] : file.functions()) {
    few = few && counter.count(calls) <= kMostNodes;
  }
  if (few) return;
  throw Error(ErrorCode::kBundle, cat(what, ": ", kTooManyNodes));
}

}  // namespace

void check_self_contained(std::span<const std::byte> bytes, const std::string& what) {
  if (bytes.empty()) throw Error(ErrorCode::kBundle, cat(what, ": an empty file, ONNX expected"));
  Walker walker(what);
  walker.walk(bytes, Message::kModel, 0);
  check_nodes(walker, what);
}

}  // namespace eenet::ort
