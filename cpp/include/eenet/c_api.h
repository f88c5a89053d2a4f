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

/// A loaded bundle, ready to answer.
typedef struct eenet_runtime eenet_runtime;

/// The answers of one call. Used by one thread at a time.
typedef struct eenet_answers eenet_answers;

/// EENET_ABI_VERSION of the library that runs; a program checks that it is its own.
EENET_API int eenet_abi_version(void);

/// Version of the library, as "0.1.0".
EENET_API const char* eenet_version(void);

/// Text of the last failure in the calling thread, one line; "" before the first. Valid until the
/// thread's next call that fails.
EENET_API const char* eenet_last_error(void);

/// Says where messages go, of all of the process: warnings of this library, and what the inference
/// library has to say from warnings on. By default nowhere. What the inference library says comes
/// only if this is called before the first load.
/// @param log NULL: nowhere again.
EENET_API void eenet_set_log(eenet_log_function log, void* user);

/// Reads and checks every file of a bundle and opens its segments.
/// @param options NULL: all defaults.
/// @param runtime Set to the new runtime, for eenet_free; to NULL on failure.
EENET_API eenet_status eenet_load(const char* path, const eenet_load_options* options,
                                  eenet_runtime** runtime);

/// Frees a runtime that no call uses any more. NULL is fine.
EENET_API void eenet_free(eenet_runtime* runtime);

EENET_API eenet_status eenet_get_info(const eenet_runtime* runtime, eenet_info* info);

/// Answers one sample.
/// @param inputs All inputs of the network, copied.
/// @param options NULL: all defaults.
/// @param answers Points to NULL, or to answers of an earlier call, which are replaced; set to
///   new ones, for eenet_free_answers. Left as it is on failure.
EENET_API eenet_status eenet_infer(eenet_runtime* runtime, const eenet_tensor* inputs,
                                   size_t num_inputs, const eenet_infer_options* options,
                                   eenet_answers** answers);

/// Answers the samples of a batch, each of which leaves at its own exit.
/// @param inputs As for eenet_infer, with the batch axis in front. Takes no deadline.
EENET_API eenet_status eenet_infer_batch(eenet_runtime* runtime, const eenet_tensor* inputs,
                                         size_t num_inputs, const eenet_infer_options* options,
                                         eenet_answers** answers);

/// Goes on with a sample that a slice of the same network has handed on, as if it had begun here;
/// see docs/handoff.md. A retry is safe.
/// @param handoff Of an eenet_answer, of `size` bytes; not kept.
EENET_API eenet_status eenet_resume(eenet_runtime* runtime, const void* handoff, size_t size,
                                    const eenet_infer_options* options, eenet_answers** answers);

/// How many samples were answered; 0 for NULL.
EENET_API size_t eenet_num_answers(const eenet_answers* answers);

/// @param sample From 0, in the order of the input.
EENET_API eenet_status eenet_get_answer(const eenet_answers* answers, size_t sample,
                                        eenet_answer* answer);

/// What an exit put out that the sample passed, if return_outputs was set.
/// @param tensor From 0, in the order of the manifest; logits are the only one of their exit.
EENET_API eenet_status eenet_get_output(const eenet_answers* answers, size_t sample, size_t exit,
                                        size_t tensor, eenet_output* output);

/// Frees answers. NULL is fine.
EENET_API void eenet_free_answers(eenet_answers* answers);

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
