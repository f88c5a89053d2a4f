#include "engine/load_watch.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <limits>
#include <locale>
#include <mutex>
#include <string>
#include <unistd.h>

#include "eenet/options.h"

#include "util/text.h"

namespace eenet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(10);

void check_limits(const LoadOptions& options) {
  // Also refuses NaN.
  if (options.timeout && !(options.timeout->count() > 0)) {
    throw Error(ErrorCode::kInput,
                cat("load_timeout: ", options.timeout->count(), " s came, above 0 expected"));
  }
  if (options.memory_limit == 0U) {
    throw Error(ErrorCode::kInput, "memory_limit: 0 came, above 0 expected");
  }
}

/// Bytes of this process that are in memory; 0 where the system does not say.
std::uint64_t resident_size() {
  std::ifstream file("/proc/self/statm");
  file.imbue(std::locale::classic());
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return file ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

std::uint64_t sample_bytes(const Manifest& manifest) {
  std::uint64_t sum = 0;
  for (const TensorSpec& spec : manifest.tensors) {
    std::uint64_t bytes = dtype_size(spec.dtype);
    for (std::size_t i = 1; i < spec.shape.size(); ++i) {
      const Dim& dim = spec.shape[i];
      bytes *=
          static_cast<std::uint64_t>(dim.symbol ? manifest.symbols[*dim.symbol].max : dim.size);
    }
    sum += bytes;
  }
  return sum;
}

}  // namespace

LoadWatch::LoadWatch(const LoadOptions& options)
    : options_(options),
      size_before_(options.memory_limit ? resident_size() : 0),
      on_stop_(options.stop, [this] { end(Reason::kCaller); }) {
  check_limits(options);
  if (!options.timeout && !options.memory_limit) return;
  watcher_ = std::jthread([this](const std::stop_token& over) { watch(over); });
}

void LoadWatch::watch(const std::stop_token& over) {
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock(mutex);
  while (!ended.wait_for(lock, over, kTick, [&over] { return over.stop_requested(); })) {
    if (late()) end(Reason::kTimeout);
    if (!options_.memory_limit) continue;
    const std::uint64_t size = resident_size();
    if (size <= size_before_ || size - size_before_ <= *options_.memory_limit) continue;
    growth_ = size - size_before_;
    end(Reason::kMemory);
  }
}

void LoadWatch::end(Reason reason) noexcept {
  Reason none = Reason::kNone;
  if (reason_.compare_exchange_strong(none, reason)) stop_.request_stop();
}

bool LoadWatch::late() const {
  return options_.timeout && Clock::now() - start_ >= *options_.timeout;
}

void LoadWatch::check() const {
  const Reason reason = reason_.load();
  // What ends between two looks of the watcher is late all the same.
  switch (reason == Reason::kNone && late() ? Reason::kTimeout : reason) {
    case Reason::kNone:
      return;
    case Reason::kCaller:
      throw Error(ErrorCode::kCancelled, "the load was cancelled");
    case Reason::kTimeout:
      throw Error(ErrorCode::kTimeout,
                  cat("load_timeout: it was not loaded within ", options_.timeout->count(), " s"));
    case Reason::kMemory:
      throw Error(ErrorCode::kBundle,
                  cat("memory_limit: the process grew by ", growth_.load(),
                      " bytes while it was loaded, at most ", *options_.memory_limit, " expected"));
  }
}

void check_memory(const Manifest& manifest, const LoadOptions& options) {
  if (!options.memory_limit) return;
  std::uint64_t files = 0;
  std::uint64_t largest = 0;
  std::string largest_name;
  for (const FileSpec& file : manifest.files) {
    if (file.size <= largest) continue;
    largest = file.size;
    largest_name = file.name;
  }
  for (const SegmentSpec& segment : manifest.segments) {
    const std::uint64_t size = manifest.find_file(segment.onnx_file)->size;
    files += std::min(size, std::numeric_limits<std::uint64_t>::max() - files);
  }
  const std::uint64_t sample = sample_bytes(manifest);
  if (files <= *options.memory_limit && largest <= *options.memory_limit - files &&
      sample <= *options.memory_limit - files - largest) {
    return;
  }
  throw Error(ErrorCode::kBundle,
              cat("memory_limit: ", files, " bytes of engines, ", largest, " of the largest file (",
                  largest_name, ") and ", sample, " of a sample's tensors came, together at most ",
                  *options.memory_limit, " expected"));
}

}  // namespace eenet
