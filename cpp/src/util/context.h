#pragma once

#include <string>
#include <utility>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {

/// Calls `work` and puts "<what>: " in front of the message of an Error that it throws.
template <typename Work>
auto in_context(const std::string& what, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    throw Error(error.code(), cat(what, ": ", error.what()));
  }
}

}  // namespace eenet
