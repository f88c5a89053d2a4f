#include "eenet/c_api.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eenet/error.h"
#include "eenet/options.h"

#include "c/c_runtime.h"
#include "inputs/named_inputs.h"
#include "util/context.h"
#include "util/text.h"

namespace {

using eenet::cat;
using eenet::Error;
using eenet::ErrorCode;

constexpr const char* kDefaultLibrary = "libonnxruntime.so";

thread_local std::string last_error;
thread_local bool error_lost = false;  // There was no memory to keep the text.

eenet_status fail(eenet_status status, const char* text) noexcept {
  try {
    last_error = text;
    error_lost = false;
  } catch (const std::exception&) {
    error_lost = true;
  }
  return status;
}

eenet_status status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kBundle:
      return EENET_ERROR_BUNDLE;
    case ErrorCode::kSchedule:
      return EENET_ERROR_SCHEDULE;
    case ErrorCode::kInput:
      return EENET_ERROR_INPUT;
    case ErrorCode::kBudget:
      return EENET_ERROR_BUDGET;
    case ErrorCode::kBackend:
      return EENET_ERROR_BACKEND;
    case ErrorCode::kNonFinite:
      return EENET_ERROR_NON_FINITE;
    case ErrorCode::kConfiguration:
      return EENET_ERROR_CONFIGURATION;
    case ErrorCode::kTimeout:
      return EENET_ERROR_TIMEOUT;
    case ErrorCode::kCancelled:
      break;  // Nothing in this interface asks for it.
  }
  return EENET_ERROR_INTERNAL;
}

/// Does the work of a function of the interface: nothing is thrown past it.
template <typename Work>
eenet_status guarded(Work&& work) noexcept {
  try {
    work();
    return EENET_OK;
  } catch (const Error& error) {
    return fail(status_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(EENET_ERROR_NO_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return fail(EENET_ERROR_INTERNAL, error.what());
  } catch (...) {
    return fail(EENET_ERROR_INTERNAL, "an exception of an unknown type");
  }
}

template <typename Pointer>
void require(Pointer pointer, const char* what) {
  if (pointer == nullptr) throw Error(ErrorCode::kInput, cat(what, ": NULL came"));
}

// --- structs that grow ----------------------------------------------------------------------

/// The size that a caller gives a struct: that of its own version of this interface.
template <typename Struct>
std::size_t caller_size(const Struct& given, const char* what) {
  constexpr std::size_t kLargest = 4096;  // Beyond, nobody has set it.
  const std::size_t size = given.struct_size;
  if (size < sizeof(std::size_t) || size > kLargest) {
    throw Error(ErrorCode::kInput, cat(what, ": struct_size is ", size,
                                       ", the sizeof the struct expected (", sizeof(Struct), ")"));
  }
  return size;
}

/// A caller's struct as this version knows it: fields that the caller does not know are zero.
template <typename Struct>
Struct read_struct(const Struct* given, const char* what) {
  Struct out{};
  if (given == nullptr) return out;
  const std::size_t size = caller_size(*given, what);
  std::memcpy(&out, given, std::min(size, sizeof out));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof out; i < size; ++i) {
    if (bytes[i] != 0) {
      throw Error(ErrorCode::kInput,
                  cat(what, ": it asks for something that only a newer version of eenet knows"));
    }
  }
  return out;
}

/// Fills a caller's struct as far as the caller knows it.
template <typename Struct>
void write_struct(Struct values, Struct& out, std::size_t size) {
  values.struct_size = size;
  std::memcpy(&out, &values, std::min(size, sizeof out));
  if (size > sizeof out) {
    std::memset(reinterpret_cast<unsigned char*>(&out) + sizeof out, 0, size - sizeof out);
  }
}

/// Refuses memory of the caller, if there is any, that is not made for so many numbers.
void check_room(const void* memory, std::size_t size, std::size_t expected, const char* what) {
  if (memory == nullptr || size == expected) return;
  throw Error(ErrorCode::kInput,
              cat(what, ": room for ", size, " came, for ", expected, " expected"));
}

// --- load -----------------------------------------------------------------------------------

eenet::LoadOptions load_options(const eenet_load_options& given) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  eenet::LoadOptions options;
  if (given.threads != 0) {
    // What is out of range is said by the backend, which knows the range.
    options.threads = static_cast<int>(std::clamp(given.threads, -kMost, kMost));
  }
  if (given.cost_profile != nullptr) {
    options.cost_profile.emplace(given.cost_profile, given.cost_profile + given.num_costs);
  }
  if (given.load_timeout != 0) {
    options.timeout = std::chrono::duration<double>(given.load_timeout);
  }
  if (given.memory_limit != 0) options.memory_limit = given.memory_limit;
  options.files.libraries["onnxruntime"] = {given.onnxruntime != nullptr ? given.onnxruntime
                                                                         : kDefaultLibrary};
  return options;
}

std::optional<eenet::Budget> load_budget(const eenet_load_options& given) {
  if (given.budget != 0 && given.budget_share != 0) {
    throw Error(ErrorCode::kInput, "budget and budget_share: both came, at most one expected");
  }
  if (given.budget_share != 0) return eenet::Budget::share(given.budget_share);
  if (given.budget != 0) return eenet::Budget(given.budget);
  return std::nullopt;
}

void set_budget(eenet::Runtime& runtime, const eenet::Budget& budget, std::int64_t* schedule) {
  const std::optional<std::size_t> chosen = runtime.set_budget(budget);
  if (schedule != nullptr) *schedule = chosen ? static_cast<std::int64_t>(*chosen) : -1;
}

// --- infer ----------------------------------------------------------------------------------

eenet::NamedTensor named_tensor(const eenet_tensor& given) {
  if (given.dtype != EENET_FLOAT32 && given.dtype != EENET_INT64) {
    throw Error(ErrorCode::kInput,
                cat("dtype ", given.dtype, " came, EENET_FLOAT32 or EENET_INT64 expected"));
  }
  require(given.data, "data");
  if (given.rank > 0) require(given.shape, "shape");
  eenet::NamedTensor tensor;
  if (given.name != nullptr) tensor.name = given.name;
  tensor.view = {static_cast<eenet::DType>(given.dtype), {given.shape, given.rank}, given.data};
  return tensor;
}

std::vector<eenet::NamedTensor> named_tensors(const eenet_tensor* inputs, std::size_t count) {
  std::vector<eenet::NamedTensor> tensors;
  for (std::size_t i = 0; i < count; ++i) {
    tensors.push_back(eenet::in_context([i] { return cat("inputs[", i, "]"); },
                                        [&] { return named_tensor(inputs[i]); }));
  }
  return tensors;
}

eenet::InferOptions infer_options(const eenet_infer_options& given) {
  eenet::InferOptions options;
  if (given.full_depth != 0) options.policy = nullptr;
  if (given.max_exits < 0) {
    throw Error(ErrorCode::kInput,
                cat("max_exits: ", given.max_exits, " came, 1 or more expected, or 0 for all"));
  }
  if (given.max_exits > 0) options.max_exit = static_cast<std::size_t>(given.max_exits) - 1;
  if (given.deadline_ms != 0) options.deadline_ms = given.deadline_ms;
  return options;
}

void infer(eenet::Runtime& runtime, const std::vector<eenet::NamedTensor>& tensors,
           const eenet_infer_options& given, eenet_result& out) {
  const std::size_t size = caller_size(out, "result");
  eenet_result values = read_struct(&out, "result");
  const eenet::Manifest& manifest = runtime.manifest();
  check_room(values.probabilities, values.num_probabilities, manifest.num_classes(),
             "probabilities");
  check_room(values.values, values.num_values, manifest.target_names.size(), "values");
  const eenet::Result result =
      runtime.infer(eenet::order_inputs(manifest, tensors), infer_options(given));
  if (values.probabilities != nullptr) {
    std::copy(result.probabilities.begin(), result.probabilities.end(), values.probabilities);
  }
  if (values.values != nullptr) std::ranges::copy(result.value, values.values);
  const bool classes = !result.probabilities.empty();
  values.label = classes ? static_cast<std::int64_t>(result.label) : -1;
  values.exit = static_cast<std::int64_t>(result.exit);
  values.stopped_by = static_cast<std::int64_t>(result.stopped_by);
  values.schedule = result.schedule ? static_cast<std::int64_t>(*result.schedule) : -1;
  values.probability = classes ? static_cast<double>(result.probabilities[result.label])
                               : std::numeric_limits<double>::quiet_NaN();
  values.latency_ms = result.latency_ms;
  values.backend_ms = result.backend_ms;
  write_struct(values, out, size);
}

double number_or_nan(const std::optional<double>& number) {
  return number.value_or(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

int eenet_abi_version(void) {
  return EENET_ABI_VERSION;
}

const char* eenet_version(void) {
  return EENET_VERSION;
}

const char* eenet_last_error(void) {
  return error_lost ? "out of memory, also for the text of the error" : last_error.c_str();
}

eenet_status eenet_load(const char* path, const eenet_load_options* options,
                        eenet_runtime** runtime) {
  return guarded([&] {
    require(runtime, "runtime");
    *runtime = nullptr;
    require(path, "path");
    const eenet_load_options given = read_struct(options, "options");
    const std::optional<eenet::Budget> budget = load_budget(given);
    auto loaded = eenet::Runtime::load(path, load_options(given));
    if (budget) loaded->set_budget(*budget);
    *runtime = std::make_unique<eenet_runtime>(std::move(loaded)).release();
  });
}

void eenet_free(eenet_runtime* runtime) {
  delete runtime;
}

eenet_status eenet_get_info(const eenet_runtime* runtime, eenet_info* info) {
  return guarded([&] {
    require(runtime, "runtime");
    require(info, "info");
    write_struct(runtime->info, *info, caller_size(*info, "info"));
  });
}

eenet_status eenet_infer(eenet_runtime* runtime, const eenet_tensor* inputs, size_t num_inputs,
                         const eenet_infer_options* options, eenet_result* result) {
  return guarded([&] {
    require(runtime, "runtime");
    require(result, "result");
    if (num_inputs > 0) require(inputs, "inputs");
    infer(runtime->runtime, named_tensors(inputs, num_inputs), read_struct(options, "options"),
          *result);
  });
}

eenet_status eenet_set_budget(eenet_runtime* runtime, double budget, int64_t* schedule) {
  return guarded([&] {
    require(runtime, "runtime");
    set_budget(runtime->runtime, budget, schedule);
  });
}

eenet_status eenet_set_budget_share(eenet_runtime* runtime, double share, int64_t* schedule) {
  return guarded([&] {
    require(runtime, "runtime");
    set_budget(runtime->runtime, eenet::Budget::share(share), schedule);
  });
}

eenet_status eenet_get_stats(const eenet_runtime* runtime, eenet_stats* stats) {
  return guarded([&] {
    require(runtime, "runtime");
    require(stats, "stats");
    const std::size_t size = caller_size(*stats, "stats");
    eenet_stats values = read_struct(stats, "stats");
    const eenet::Stats known = runtime->runtime.stats();
    check_room(values.exits, values.num_exits, known.exits.size(), "exits");
    if (values.exits != nullptr) std::copy(known.exits.begin(), known.exits.end(), values.exits);
    values.count = known.count;
    values.mean_cost = number_or_nan(known.mean_cost);
    values.mean_latency_ms = number_or_nan(known.latency.mean_ms);
    values.p50_ms = number_or_nan(known.latency.p50_ms);
    values.p90_ms = number_or_nan(known.latency.p90_ms);
    values.p99_ms = number_or_nan(known.latency.p99_ms);
    write_struct(values, *stats, size);
  });
}

eenet_status eenet_reset_stats(eenet_runtime* runtime) {
  return guarded([&] {
    require(runtime, "runtime");
    runtime->runtime.reset_stats();
  });
}
