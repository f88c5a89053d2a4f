#include <set>
#include <utility>

#include "util/json.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr std::size_t kDeepest = 32;

nlohmann::json& add_member(nlohmann::json& object, const std::string& key) {
  return object[key];
}

nlohmann::ordered_json& add_member(nlohmann::ordered_json& object, const std::string& key) {
  // Its own operator[] looks through all members, which adds up to quadratic time.
  auto& members = object.get_ref<nlohmann::ordered_json::object_t&>();
  return members.emplace_back(key, nullptr).second;
}

/// Builds a document from the parser's events. The library's own filter for them, parse(text,
/// callback), looks at all elements of a list again whenever an object in it ends.
template <typename Json>
class DocumentBuilder final : public nlohmann::json_sax<Json> {
 public:
  using Base = nlohmann::json_sax<Json>;

  DocumentBuilder(const std::string& what, ErrorCode code) : what_(what), code_(code) {}

  Json finish() { return std::move(document_); }

  bool null() override { return place(nullptr); }
  bool boolean(bool value) override { return place(value); }
  bool number_integer(typename Base::number_integer_t value) override { return place(value); }
  bool number_unsigned(typename Base::number_unsigned_t value) override { return place(value); }
  bool number_float(typename Base::number_float_t value,
                    const typename Base::string_t& /*text*/) override {
    return place(value);
  }
  bool string(typename Base::string_t& value) override { return place(std::move(value)); }
  bool binary(typename Base::binary_t& /*value*/) override { return false; }  // JSON has none.

  bool start_object(std::size_t /*size*/) override {
    keys_.emplace_back();
    return open(Json::object());
  }

  bool key(typename Base::string_t& name) override {
    // JSON readers disagree on which of two equal keys counts.
    if (!keys_.back().insert(name).second) {
      throw Error(code_,
                  cat(what_, ": the key ", quote_name(name), " appears twice in one object"));
    }
    member_ = &add_member(*open_.back(), name);
    return true;
  }

  bool end_object() override {
    keys_.pop_back();
    return end_array();
  }

  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }

  bool end_array() override {
    open_.pop_back();
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    throw Error(code_, cat(what_, ": not valid JSON: ", error.what()));
  }

 private:
  bool place(Json value) {
    put(std::move(value));
    return true;
  }

  bool open(Json empty) {
    // Bounded because whoever walks the document later may do so recursively.
    if (open_.size() == kDeepest) {
      throw Error(code_, cat(what_, ": more than ", kDeepest, " levels of nesting"));
    }
    open_.push_back(&put(std::move(empty)));
    return true;
  }

  /// Where the next value belongs: the document itself, a member whose key was read, or a list.
  Json& put(Json value) {
    if (open_.empty()) return document_ = std::move(value);
    if (open_.back()->is_object()) return *member_ = std::move(value);
    return open_.back()->template get_ref<typename Json::array_t&>().emplace_back(std::move(value));
  }

  const std::string& what_;
  ErrorCode code_;
  Json document_;
  // From the outermost to the innermost. A list or object that is open gets no further element
  // until all that is open inside it has ended, so that these stay valid.
  std::vector<Json*> open_;
  std::vector<std::set<std::string>> keys_;  // Of the objects that are open.
  Json* member_ = nullptr;                   // Of the innermost object.
};

template <typename Json>
Json parse(std::string_view text, const std::string& what, ErrorCode code) {
  // The library takes a NUL for the end of the text, and leaves a mark of the byte order out.
  if (const std::size_t nul = text.find('\0'); nul != text.npos) {
    throw Error(code, cat(what, ": a NUL byte came at ", nul, ", JSON expected"));
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    throw Error(code, cat(what, ": a byte order mark came, JSON without one expected"));
  }
  DocumentBuilder<Json> builder(what, code);
  Json::sax_parse(text, &builder);
  return builder.finish();
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& what, ErrorCode code) {
  return parse<nlohmann::json>(text, what, code);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what,
                                          ErrorCode code) {
  return parse<nlohmann::ordered_json>(text, what, code);
}

}  // namespace eenet
