#include "eenet/error.h"

#include "util/text.h"

namespace eenet {
namespace {

// Of a message: names of files and tensors, and what a library says of a graph, are as long as
// whoever made them likes, and hold what they like.
constexpr std::size_t kLongestMessage = 2000;

}  // namespace

Error::Error(ErrorCode code, const std::string& message)
    : std::runtime_error(
          shorten(escape_controls(shorten(message, kLongestMessage)), kLongestMessage)),
      code_(code) {}

}  // namespace eenet
