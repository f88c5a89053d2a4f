#include "npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <string_view>
#include <utility>

#include "eenet/error.h"

#include "util/file.h"
#include "util/text.h"

namespace eenet::tools {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{4} << 30U;
constexpr std::size_t kMostDims = 32;
constexpr std::string_view kMagic = "\x93NUMPY";

struct Numbers {
  std::string_view descr;  ///< As numpy writes it.
  DType dtype;
};
constexpr std::array<Numbers, 5> kNumbers = {{{"<f4", DType::kFloat32},
                                              {"<i8", DType::kInt64},
                                              {"<f2", DType::kFloat16},
                                              {"<i4", DType::kInt32},
                                              {"|u1", DType::kUInt8}}};

/// Reads the description of an array: a dict as Python prints it, with three known keys.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  void read(NpyArray& array) {
    bool seen[3] = {};
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      const std::size_t which = read_value(key, array);
      if (seen[which]) fail(cat("the key ", quote_name(key), " came twice"));
      seen[which] = true;
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("something follows its header");
    if (!seen[0] || !seen[1] || !seen[2]) fail("its header lacks descr, fortran_order or shape");
  }

 private:
  [[noreturn]] void fail(const std::string& complaint) const {
    throw Error(ErrorCode::kInput, cat(what_, ": ", complaint));
  }

  std::size_t read_value(std::string_view key, NpyArray& array) {
    if (key == "descr") {
      array.dtype = read_dtype();
      return 0;
    }
    if (key == "fortran_order") {
      if (take_word("True")) fail("Fortran order came, C order expected");
      if (!take_word("False")) fail("fortran_order: True or False expected");
      return 1;
    }
    if (key != "shape") fail(cat("a header with the key ", quote_name(key), " is not understood"));
    read_shape(array.shape);
    return 2;
  }

  DType read_dtype() {
    const std::string_view descr = string();
    const auto* const found = std::ranges::find(kNumbers, descr, &Numbers::descr);
    if (found != kNumbers.end()) return found->dtype;
    std::vector<std::string> known;
    for (const Numbers& each : kNumbers) {
      known.push_back(cat("'", each.descr, "' (", dtype_name(each.dtype), ")"));
    }
    fail(cat("dtype ", quote_name(descr), " came, one of ", join(known), " expected"));
  }

  void read_shape(std::vector<std::int64_t>& shape) {
    expect('(');
    while (!take(')')) {
      if (shape.size() == kMostDims)
        fail(cat("shape: at most ", kMostDims, " dimensions expected"));
      shape.push_back(number());
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }

  std::int64_t number() {
    skip_space();
    std::int64_t value = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) fail("shape: a size of a dimension is not understood");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  std::string_view string() {
    const char quote = take('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("its header is cut off");
    const std::string_view value = text_.substr(at_, end - at_);
    at_ = end + 1;
    return value;
  }

  bool take_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  bool take(char character) { return take_word({&character, 1}); }
  void expect(char character) {
    if (!take(character)) fail(cat("its header has no '", character, "' where one is expected"));
  }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \n", at_), text_.size()); }

  std::string_view text_;
  const std::string& what_;
  std::size_t at_ = 0;
};

/// A little-endian number of so many bytes.
std::size_t read_size(std::string_view bytes) {
  std::size_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

/// Whether an array of this shape takes exactly so many bytes; no product can overflow.
bool fills(const NpyArray& array, std::size_t bytes) {
  std::size_t left = bytes / dtype_size(array.dtype);
  if (left * dtype_size(array.dtype) != bytes) return false;
  for (const std::int64_t dim : array.shape) {
    if (dim == 0) return bytes == 0;
    if (left % static_cast<std::size_t>(dim) != 0) return false;
    left /= static_cast<std::size_t>(dim);
  }
  return left == 1;
}

}  // namespace

NpyArray parse_npy(std::vector<std::byte> file, const std::string& what) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const std::size_t version_at = kMagic.size();
  if (!text.starts_with(kMagic) || text.size() < version_at + 2) {
    throw Error(ErrorCode::kInput, cat(what, ": not a .npy file, which np.save writes"));
  }
  const auto version = static_cast<unsigned>(text[version_at]);
  if (version < 1 || version > 3) {
    throw Error(ErrorCode::kInput, cat(what, ": .npy format ", version, " came, 1 to 3 expected"));
  }
  const std::size_t length_at = version_at + 2;
  const std::size_t header_at = length_at + (version == 1 ? 2 : 4);
  const std::size_t length =
      text.size() < header_at ? 0 : read_size(text.substr(length_at, header_at - length_at));
  if (text.size() < header_at || length > text.size() - header_at) {
    throw Error(ErrorCode::kInput, cat(what, ": its header is cut off"));
  }
  NpyArray array;
  HeaderReader(text.substr(header_at, length), what).read(array);
  array.begin = header_at + length;
  if (!fills(array, text.size() - array.begin)) {
    throw Error(ErrorCode::kInput,
                cat(what, ": ", text.size() - array.begin, " bytes of numbers came, ",
                    dtype_name(array.dtype), " (", join(array.shape), ") expected"));
  }
  array.file = std::move(file);
  return array;
}

NpyArray read_npy(const std::string& path) {
  const std::string what = quote_name(path);
  return parse_npy(File(AT_FDCWD, path, true, what, ErrorCode::kInput).read_all(kLargestFile),
                   what);
}

}  // namespace eenet::tools
