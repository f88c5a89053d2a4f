#include "util/log.h"

#include <exception>
#include <memory>
#include <mutex>
#include <utility>

namespace eenet {
namespace {

struct Listener {
  std::mutex mutex;  // Guards logger.
  std::shared_ptr<const Logger> logger;
};

/// Left to the process's end on purpose: other libraries may log until then.
Listener& listener() {
  static Listener* const kept = new Listener;
  return *kept;
}

std::shared_ptr<const Logger> current() {
  const std::lock_guard lock(listener().mutex);
  return listener().logger;
}

}  // namespace

void set_logger(Logger logger) {
  auto next = logger ? std::make_shared<const Logger>(std::move(logger)) : nullptr;
  const std::lock_guard lock(listener().mutex);
  listener().logger.swap(next);
}

bool logging() noexcept {
  return current() != nullptr;
}

void log(LogLevel level, std::string_view message) noexcept {
  // The logger is called without the lock, and lives until it returns.
  const std::shared_ptr<const Logger> logger = current();
  if (!logger) return;
  message = message.substr(0, message.find_last_not_of("\r\n") + 1);
  try {
    (*logger)(level, message);
  } catch (const std::exception&) {
    return;  // There is nobody left to tell.
  }
}

}  // namespace eenet
