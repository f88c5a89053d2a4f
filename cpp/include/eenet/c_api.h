#pragma once

// The runtime for C99, and for every language that calls C. docs/cpp.md has the promise of
// compatibility and an example.
//
// Every function may be called from any thread, and a runtime may be used by many at a time; only
// eenet_free must be the last call with it. No C++ exception leaves a function.

#include <stddef.h>
#include <stdint.h>

#include "eenet/c_types.h"
#include "eenet/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Raised when a function or a field changes its meaning or goes, not when one is added.
#define EENET_ABI_VERSION 1

/// A loaded bundle, ready to classify.
typedef struct eenet_runtime eenet_runtime;

/// EENET_ABI_VERSION of the library that runs; a program checks that it is its own.
EENET_API int eenet_abi_version(void);

/// Version of the library, as "0.1.0".
EENET_API const char* eenet_version(void);

/// Text of the last failure in the calling thread, one line; "" before the first. Valid until the
/// thread's next call that fails.
EENET_API const char* eenet_last_error(void);

/// Reads and checks every file of a bundle and opens its segments.
/// @param options NULL: all defaults.
/// @param runtime Set to the new runtime, for eenet_free; to NULL on failure.
EENET_API eenet_status eenet_load(const char* path, const eenet_load_options* options,
                                  eenet_runtime** runtime);

/// Frees a runtime that no call uses any more. NULL is fine.
EENET_API void eenet_free(eenet_runtime* runtime);

EENET_API eenet_status eenet_get_info(const eenet_runtime* runtime, eenet_info* info);

/// Classifies one sample.
/// @param inputs All inputs of the network, copied.
/// @param options NULL: all defaults.
EENET_API eenet_status eenet_infer(eenet_runtime* runtime, const eenet_tensor* inputs,
                                   size_t num_inputs, const eenet_infer_options* options,
                                   eenet_result* result);

/// Puts the schedule with the largest budget that does not exceed this one in force, at once.
/// @param budget Mean cost per sample, in the unit of the info.
/// @param schedule Set to its index; to -1 if the budget is above the full cost, so that full depth
///   runs. May be NULL.
EENET_API eenet_status eenet_set_budget(eenet_runtime* runtime, double budget, int64_t* schedule);

/// As eenet_set_budget, with a share of full cost, as 0.65, which means the same on every device.
/// Above 1 it is refused.
EENET_API eenet_status eenet_set_budget_share(eenet_runtime* runtime, double share,
                                              int64_t* schedule);

EENET_API eenet_status eenet_get_stats(const eenet_runtime* runtime, eenet_stats* stats);

/// Starts counting anew.
EENET_API eenet_status eenet_reset_stats(eenet_runtime* runtime);

#ifdef __cplusplus
}
#endif
