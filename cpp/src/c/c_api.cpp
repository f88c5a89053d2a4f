#include "eenet/c_api.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eenet/error.h"
#include "eenet/options.h"

#include "c/c_answers.h"
#include "c/c_load.h"
#include "c/c_runtime.h"
#include "c/c_struct.h"
#include "inputs/named_inputs.h"
#include "util/context.h"
#include "util/log.h"
#include "util/text.h"

namespace {

using eenet::cat;
using eenet::Error;
using eenet::ErrorCode;
using eenet::c::caller_size;
using eenet::c::put_answers;
using eenet::c::read_struct;
using eenet::c::require;
using eenet::c::write_struct;

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

/// Refuses memory of the caller, if there is any, that is not made for so many numbers.
void check_room(const void* memory, std::size_t size, std::size_t expected, const char* what) {
  if (memory == nullptr || size == expected) return;
  throw Error(ErrorCode::kInput,
              cat(what, ": room for ", size, " came, for ", expected, " expected"));
}

void set_budget(eenet::Runtime& runtime, const eenet::Budget& budget, std::int64_t* schedule) {
  const std::optional<std::size_t> chosen = runtime.set_budget(budget);
  if (!chosen) {
    eenet::log(eenet::LogLevel::kWarning, runtime.budgets().full_depth_notice(budget));
  }
  if (schedule != nullptr) *schedule = chosen ? static_cast<std::int64_t>(*chosen) : -1;
}

eenet::NamedTensor named_tensor(const eenet_tensor& given) {
  if (given.dtype < EENET_FLOAT32 || given.dtype > EENET_UINT8) {
    throw Error(ErrorCode::kInput,
                cat("dtype ", given.dtype, " came, an eenet_dtype expected, as EENET_FLOAT32"));
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

std::optional<std::size_t> exit_index(const char* what, const std::int64_t* exit) {
  if (exit == nullptr) return std::nullopt;
  if (*exit < 0) {
    throw Error(ErrorCode::kInput, cat(what, ": ", *exit, " came, an exit from 0 on expected"));
  }
  return static_cast<std::size_t>(*exit);
}

eenet::InferOptions infer_options(const eenet_infer_options& given) {
  eenet::InferOptions options;
  if (given.full_depth != 0) options.policy = nullptr;
  options.max_exit = exit_index("max_exit", given.max_exit);
  options.forced_exit = exit_index("forced_exit", given.forced_exit);
  options.return_outputs = given.return_outputs != 0;
  options.half_handoff = given.half_handoff != 0;
  if (given.deadline_ms != 0) options.deadline_ms = given.deadline_ms;
  if (given.costs != nullptr) options.costs.assign(given.costs, given.costs + given.num_costs);
  return options;
}

/// Does the work of a call for samples: all of it, or nothing.
template <typename Work>
eenet_status answer(eenet_runtime* runtime, const eenet_infer_options* options,
                    eenet_answers** answers, Work&& work) noexcept {
  return guarded([&] {
    require(runtime, "runtime");
    require(answers, "answers");
    const eenet::InferOptions checked = infer_options(read_struct(options, "options"));
    put_answers(work(runtime->runtime, checked), answers);
  });
}

std::vector<eenet::NamedTensor> checked_inputs(const eenet_tensor* inputs, std::size_t count) {
  if (count > 0) require(inputs, "inputs");
  return named_tensors(inputs, count);
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

void eenet_set_log(eenet_log_function log, void* user) {
  guarded([&] {
    if (log == nullptr) return eenet::set_logger({});
    eenet::set_logger([log, user](eenet::LogLevel level, std::string_view message) {
      log(user, static_cast<std::int64_t>(level), std::string(message).c_str());
    });
  });
}

eenet_status eenet_load(const char* path, const eenet_load_options* options,
                        eenet_runtime** runtime) {
  return guarded([&] {
    require(runtime, "runtime");
    *runtime = nullptr;
    require(path, "path");
    const eenet_load_options given = read_struct(options, "options");
    const std::optional<eenet::Budget> budget = eenet::c::load_budget(given);
    auto loaded = eenet::Runtime::load(path, eenet::c::load_options(given));
    if (budget) set_budget(*loaded, *budget, nullptr);
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
                         const eenet_infer_options* options, eenet_answers** answers) {
  return answer(runtime, options, answers, [&](eenet::Runtime& loaded, const auto& checked) {
    const auto tensors = checked_inputs(inputs, num_inputs);
    return std::vector{loaded.infer(eenet::order_inputs(loaded.manifest(), tensors), checked)};
  });
}

eenet_status eenet_infer_batch(eenet_runtime* runtime, const eenet_tensor* inputs,
                               size_t num_inputs, const eenet_infer_options* options,
                               eenet_answers** answers) {
  return answer(runtime, options, answers, [&](eenet::Runtime& loaded, const auto& checked) {
    const auto tensors = checked_inputs(inputs, num_inputs);
    const eenet::BatchResult batch =
        loaded.infer_batch(eenet::order_inputs(loaded.manifest(), tensors), checked);
    std::vector<eenet::Result> results;
    for (std::size_t i = 0; i < batch.size(); ++i) results.push_back(batch.at(i));
    return results;
  });
}

eenet_status eenet_resume(eenet_runtime* runtime, const void* handoff, size_t size,
                          const eenet_infer_options* options, eenet_answers** answers) {
  return answer(runtime, options, answers, [&](eenet::Runtime& loaded, const auto& checked) {
    require(handoff, "handoff");
    return std::vector{loaded.resume({static_cast<const std::byte*>(handoff), size}, checked)};
  });
}

size_t eenet_num_answers(const eenet_answers* answers) {
  return answers == nullptr ? 0 : answers->results.size();
}

eenet_status eenet_get_answer(const eenet_answers* answers, size_t sample, eenet_answer* out) {
  return guarded([&] {
    require(answers, "answers");
    require(out, "answer");
    const std::size_t size = caller_size(*out, "answer");
    write_struct(eenet::c::describe(eenet::c::result_of(*answers, sample)), *out, size);
  });
}

eenet_status eenet_get_output(const eenet_answers* answers, size_t sample, size_t exit,
                              size_t tensor, eenet_output* output) {
  return guarded([&] {
    require(answers, "answers");
    require(output, "output");
    *output = eenet::c::output_of(eenet::c::result_of(*answers, sample), exit, tensor);
  });
}

void eenet_free_answers(eenet_answers* answers) {
  delete answers;
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
