#pragma once

#include <type_traits>
#include <utility>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {

/// Calls `work` and puts "<what>: " in front of the message of an Error that it throws.
/// @param what Something to print, or on hot paths a function that makes it when it is needed.
template <typename What, typename Work>
auto in_context(const What& what, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    if constexpr (std::is_invocable_v<What>) {
      throw Error(error.code(), cat(what(), ": ", error.what()));
    } else {
      throw Error(error.code(), cat(what, ": ", error.what()));
    }
  }
}

}  // namespace eenet
