#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "backends/ort/api_types.h"
#include "backends/ort/process.h"

namespace eenet::ort {

// ONNX Runtime's C interface, as far as it is called. No package ships its headers, and the table
// of functions only ever grows at its end, so each function is found by its position.

/// What the library exports; everything else is reached through it.
struct ApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*get_version)();
};

/// The interface version from which on the opening of a session can be ended.
constexpr std::uint32_t kCancellableLoadApi = 22;

/// The interface version from which on providers can be plugged in.
constexpr std::uint32_t kPluginApi = 23;

/// The functions used, under the names of the official table.
struct Functions {
  std::uint32_t api_version;

  const char* (*GetErrorMessage)(const Status*);
  void (*ReleaseStatus)(Status*);

  Status* (*CreateThreadingOptions)(ThreadingOptions**);
  Status* (*SetGlobalIntraOpNumThreads)(ThreadingOptions*, int);
  Status* (*SetGlobalInterOpNumThreads)(ThreadingOptions*, int);
  Status* (*SetGlobalDenormalAsZero)(ThreadingOptions*);
  void (*ReleaseThreadingOptions)(ThreadingOptions*);
  Status* (*CreateEnvWithCustomLoggerAndGlobalThreadPools)(LoggingFunction, void*, LoggingLevel,
                                                           const char*, const ThreadingOptions*,
                                                           Env**);
  void (*ReleaseEnv)(Env*);

  Status* (*CreateSessionOptions)(SessionOptions**);
  Status* (*SetSessionExecutionMode)(SessionOptions*, ExecutionMode);
  Status* (*SetSessionLogSeverityLevel)(SessionOptions*, int);
  Status* (*SetSessionGraphOptimizationLevel)(SessionOptions*, GraphOptimizationLevel);
  Status* (*DisablePerSessionThreads)(SessionOptions*);
  Status* (*AddSessionConfigEntry)(SessionOptions*, const char*, const char*);
  Status* (*SessionOptionsSetLoadCancellationFlag)(SessionOptions*, bool);  // Null below its API.
  void (*ReleaseSessionOptions)(SessionOptions*);

  Status* (*GetAvailableProviders)(char***, int*);
  Status* (*ReleaseAvailableProviders)(char**, int);
  Status* (*CreateCUDAProviderOptions)(CudaOptions**);
  Status* (*UpdateCUDAProviderOptions)(CudaOptions*, const char* const*, const char* const*,
                                       std::size_t);
  Status* (*SessionOptionsAppendExecutionProvider_CUDA_V2)(SessionOptions*, const CudaOptions*);
  void (*ReleaseCUDAProviderOptions)(CudaOptions*);
  Status* (*CreateTensorRTProviderOptions)(TensorRtOptions**);
  Status* (*UpdateTensorRTProviderOptions)(TensorRtOptions*, const char* const*, const char* const*,
                                           std::size_t);
  Status* (*SessionOptionsAppendExecutionProvider_TensorRT_V2)(SessionOptions*,
                                                               const TensorRtOptions*);
  void (*ReleaseTensorRTProviderOptions)(TensorRtOptions*);

  // Null below kPluginApi.
  Status* (*RegisterExecutionProviderLibrary)(Env*, const char*, const char*);
  Status* (*GetEpDevices)(const Env*, const EpDevice* const**, std::size_t*);
  Status* (*SessionOptionsAppendExecutionProvider_V2)(SessionOptions*, Env*, const EpDevice* const*,
                                                      std::size_t, const char* const*,
                                                      const char* const*, std::size_t);
  const char* (*EpDevice_EpName)(const EpDevice*);
  const KeyValuePairs* (*EpDevice_EpMetadata)(const EpDevice*);
  const HardwareDevice* (*EpDevice_Device)(const EpDevice*);
  const MemoryInfo* (*EpDevice_MemoryInfo)(const EpDevice*, DeviceMemoryType);
  HardwareType (*HardwareDevice_Type)(const HardwareDevice*);
  const char* (*GetKeyValue)(const KeyValuePairs*, const char*);

  Status* (*CreateSessionFromArray)(const Env*, const void*, std::size_t, const SessionOptions*,
                                    Session**);
  Status* (*SessionGetInputCount)(const Session*, std::size_t*);
  Status* (*SessionGetOutputCount)(const Session*, std::size_t*);
  Status* (*SessionGetInputTypeInfo)(const Session*, std::size_t, TypeInfo**);
  Status* (*SessionGetOutputTypeInfo)(const Session*, std::size_t, TypeInfo**);
  Status* (*SessionGetInputName)(const Session*, std::size_t, Allocator*, char**);
  Status* (*SessionGetOutputName)(const Session*, std::size_t, Allocator*, char**);
  void (*ReleaseSession)(Session*);

  Status* (*CastTypeInfoToTensorInfo)(const TypeInfo*, const TensorInfo**);
  Status* (*GetTensorElementType)(const TensorInfo*, int*);
  Status* (*GetDimensionsCount)(const TensorInfo*, std::size_t*);
  Status* (*GetDimensions)(const TensorInfo*, std::int64_t*, std::size_t);
  void (*ReleaseTypeInfo)(TypeInfo*);

  Status* (*GetAllocatorWithDefaultOptions)(Allocator**);
  Status* (*CreateAllocator)(const Session*, const MemoryInfo*, Allocator**);
  Status* (*AllocatorAlloc)(Allocator*, std::size_t, void**);
  Status* (*AllocatorFree)(Allocator*, void*);
  void (*ReleaseAllocator)(Allocator*);
  Status* (*CreateMemoryInfo)(const char*, AllocatorType, int, MemoryType, MemoryInfo**);
  Status* (*CreateCpuMemoryInfo)(AllocatorType, MemoryType, MemoryInfo**);
  void (*ReleaseMemoryInfo)(MemoryInfo*);
  Status* (*CreateTensorWithDataAsOrtValue)(const MemoryInfo*, void*, std::size_t,
                                            const std::int64_t*, std::size_t, ElementType, Value**);
  void (*ReleaseValue)(Value*);

  Status* (*CreateRunOptions)(RunOptions**);
  Status* (*RunOptionsSetTerminate)(RunOptions*);
  void (*ReleaseRunOptions)(RunOptions*);
  Status* (*CreateIoBinding)(Session*, IoBinding**);
  Status* (*BindInput)(IoBinding*, const char*, const Value*);
  Status* (*BindOutput)(IoBinding*, const char*, const Value*);
  Status* (*RunWithBinding)(Session*, const RunOptions*, const IoBinding*);
  void (*ReleaseIoBinding)(IoBinding*);
};

/// Finds the functions in the table that get_api() returned for this version.
Functions read_functions(const void* table, std::uint32_t api_version);

/// Gives an object back to the library, but in a forked child: it may wait there for ever.
template <typename T>
struct Release {
  void (*function)(T*);

  void operator()(T* object) const {
    if (!forked()) function(object);
  }
};

/// An object of the library, released with the function that belongs to it.
template <typename T>
using Handle = std::unique_ptr<T, Release<T>>;

/// @throws Error(kBackend) "<what>: <the library's words>" unless the status is null; releases it.
void check(const Functions& functions, Status* status, const std::string& what);

/// Calls a function whose last parameter receives a new object.
template <typename T, typename... Params, typename... Args>
Handle<T> make(const Functions& functions, void (*release)(T*), const std::string& what,
               Status* (*create)(Params...), Args... args) {
  T* object = nullptr;
  check(functions, create(args..., &object), what);
  return {object, Release<T>{release}};
}

}  // namespace eenet::ort
