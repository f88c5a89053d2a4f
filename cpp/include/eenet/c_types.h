#pragma once

// What the functions of c_api.h take and give: C99.
//
// Where a struct begins with struct_size, set it to the sizeof of the struct and what is not wanted
// to zero, so that programs and libraries of different versions understand each other. Strings are
// UTF-8 and end with a zero.

#include <stddef.h>
#include <stdint.h>

/// What was wrong. More may be added; treat one you do not know as a failure.
typedef enum eenet_status {
  EENET_OK = 0,
  EENET_ERROR_BUNDLE = 1,         ///< A bundle is damaged, inconsistent or not understood.
  EENET_ERROR_SCHEDULE = 2,       ///< Its schedules are malformed or of another network.
  EENET_ERROR_INPUT = 3,          ///< An argument is not what is expected.
  EENET_ERROR_BUDGET = 4,         ///< A budget or deadline cannot be met, or has no costs to go by.
  EENET_ERROR_BACKEND = 5,        ///< ONNX Runtime is missing, too old, or reported a failure.
  EENET_ERROR_NON_FINITE = 6,     ///< An exit put out NaN or infinite numbers.
  EENET_ERROR_CONFIGURATION = 7,  ///< Contradicts the process, as its number of threads or a fork.
  EENET_ERROR_NO_MEMORY = 8,
  EENET_ERROR_INTERNAL = 9,  ///< A defect of this library.
  EENET_ERROR_TIMEOUT = 10   ///< A load took longer than it was allowed to.
} eenet_status;

/// More may be added.
typedef enum eenet_dtype {
  EENET_FLOAT32 = 0,
  EENET_INT64 = 1,
  EENET_FLOAT16 = 2,
  EENET_INT32 = 3,
  EENET_UINT8 = 4
} eenet_dtype;

/// Why a sample left where it did. More may be added.
typedef enum eenet_stop_reason {
  EENET_STOP_POLICY = 0,       ///< The exit policy accepted, or the last exit answered.
  EENET_STOP_MAX_EXIT = 1,     ///< No later exit was allowed.
  EENET_STOP_DEADLINE = 2,     ///< The next segment would have missed the deadline.
  EENET_STOP_FORCED_EXIT = 3,  ///< It was to leave at exactly this exit.
  EENET_STOP_HANDED_ON = 4     ///< It did not: the bundle is a slice without the next exit.
} eenet_stop_reason;

/// This struct does not grow.
typedef struct eenet_option {
  const char* name;
  const char* value;
} eenet_option;

typedef enum eenet_log_level { EENET_LOG_WARNING = 0, EENET_LOG_ERROR = 1 } eenet_log_level;

/// Takes a message, one line that is the callee's only during the call. May be called from any
/// thread, from several at a time, and must not call the library.
typedef void (*eenet_log_function)(void* user, int64_t level, const char* message);

typedef struct eenet_load_options {
  size_t struct_size;
  int64_t threads;             ///< That compute one sample, the same in all of a process; 0: 1.
  double budget;               ///< As for eenet_set_budget; 0: the schedule that the bundle names.
  const double* cost_profile;  ///< ms of a sample leaving at each exit; NULL: as the bundle says.
  size_t num_costs;            ///< Numbers in cost_profile.
  /// The library to open where EENET_ORT_LIB is not set and the process has none yet; NULL:
  /// libonnxruntime.so, where the system looks for libraries.
  const char* onnxruntime;
  double budget_share;    ///< As budget, but of full cost, as 0.65; one of the two, or neither: 0.
  double load_timeout;    ///< Seconds that the load may take; 0: as long as it likes.
  uint64_t memory_limit;  ///< Bytes that the load may take, see docs/cpp.md; 0: 4 GiB.
  /// What computes segments: `cpu`, `openvino` or `BACKEND:NAME`, as `onnxruntime:cuda`, see
  /// docs/providers.md; NULL: `cpu`. Where it takes only some of a segment, `cpu` takes the rest.
  const char* provider;
  const eenet_option* provider_options;  ///< As docs/providers.md lists them.
  size_t num_provider_options;
  const char* plugin;  ///< The library that plugs the provider in; NULL: none.
} eenet_load_options;

/// An input of the network. This struct does not grow.
typedef struct eenet_input {
  const char* name;
  int64_t dtype;             ///< An eenet_dtype.
  size_t rank;               ///< Without the batch axis.
  const int64_t* shape;      ///< -1 where each sample decides.
  const int64_t* max_shape;  ///< The largest size of each dimension.
} eenet_input;

/// What a bundle is. What it points to lives as long as the runtime.
typedef struct eenet_info {
  size_t struct_size;
  const char* model;  ///< Name of the network.
  const char* id;     ///< Identity of the network, SHA-256 in hex.
  const char*
      preprocessing;    ///< What the caller does to raw input, as JSON; see docs/spec/format.md.
  const char* backend;  ///< Name and version of the inference library.
  size_t num_exits;     ///< K.
  size_t num_classes;   ///< C of classification; else 0.
  const char* const* classes;  ///< C names.
  size_t num_inputs;
  const eenet_input* inputs;
  const char* unit;       ///< Of costs and budgets: `ms`, `flops` or `params`.
  const double* costs;    ///< K, of a sample leaving at each exit; NULL if none fit this device.
  size_t num_schedules;   ///< S.
  const double* budgets;  ///< S, that the schedules keep; NULL without costs.
  const char* task;       ///< `classification` or `regression`.
  size_t num_values;      ///< D of regression; else 0.
  const char* const* targets;  ///< D names.
} eenet_info;

/// Row-major memory of the caller, read during the call only. This struct does not grow.
typedef struct eenet_tensor {
  const char* name;  ///< Of the input; NULL: the one in this place.
  int64_t dtype;     ///< An eenet_dtype.
  size_t rank;
  const int64_t* shape;  ///< Of one sample, without a batch axis.
  const void* data;      ///< Need not be aligned.
} eenet_tensor;

typedef struct eenet_infer_options {
  size_t struct_size;
  int64_t full_depth;       ///< Not 0: whatever the budget, the last exit answers alone.
  const int64_t* max_exit;  ///< Index of the last exit that may be run; NULL: any.
  double deadline_ms;       ///< From the call on; the deepest exit that keeps it answers. 0: none.
  const int64_t* forced_exit;  ///< Index of the exit to leave at, to time it; NULL: none.
  int64_t return_outputs;      ///< Not 0: keep what the exits passed put out.
  int64_t half_handoff;        ///< Not 0: float32 tensors are handed on as float16.
  /// What each sample costs if it leaves at each exit, (N, K), where that depends on the sample:
  /// what statistics book. NULL: the costs of the info.
  const double* costs;
  size_t num_costs;  ///< Numbers in costs.
} eenet_infer_options;

/// The answer for one sample. What it points to lives as long as the answers that it is one of.
typedef struct eenet_answer {
  size_t struct_size;
  int64_t label;               ///< Of classification; else -1.
  double probability;          ///< Of the label; without one NaN.
  const float* probabilities;  ///< C of classification; else NULL.
  size_t num_probabilities;
  const float* values;  ///< D of regression; else NULL.
  size_t num_values;
  int64_t exit;         ///< Where the sample left, from 0; handed on, the exit that answers so far.
  int64_t stopped_by;   ///< An eenet_stop_reason.
  int64_t schedule;     ///< Index of the one in force; -1: full depth.
  int64_t adapted;      ///< Not 0: with thresholds that were adapted to a drift.
  const float* scores;  ///< Of exits 0 to `exit`; NULL at full depth.
  size_t num_scores;
  const void* handoff;       ///< For eenet_resume, if stopped by EENET_STOP_HANDED_ON; else NULL.
  size_t handoff_size;       ///< Bytes.
  const double* segment_ms;  ///< Of the segments that were run, of the whole batch.
  size_t num_segments;
  double latency_ms;  ///< From the check of the inputs to the last answer of the batch.
  double backend_ms;  ///< The part of it spent in the inference library.
} eenet_answer;

/// A tensor that an exit put out for one sample, row-major, without a batch axis. It points into
/// the answers. This struct does not grow.
typedef struct eenet_output {
  size_t rank;
  const int64_t* shape;
  const float*
      data;  ///< NaN where the exit was passed elsewhere and the numbers have not travelled.
} eenet_output;

/// What was done since the load or the last reset. Numbers that are not known are NaN.
typedef struct eenet_stats {
  size_t struct_size;
  uint64_t* exits;   ///< Set by the caller: memory for the samples that left at each exit, or NULL.
  size_t num_exits;  ///< Set by the caller: K, or 0.
  uint64_t count;    ///< Samples.
  double mean_cost;  ///< In the unit of the info.
  double mean_latency_ms;
  double p50_ms;
  double p90_ms;
  double p99_ms;
} eenet_stats;
