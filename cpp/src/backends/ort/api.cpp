#include "backends/ort/api.h"

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::ort {

namespace {

/// The official table: an array of function pointers.
struct Table {
  const void* const* slots;

  template <typename Function>
  void take(Function& function, std::size_t slot) const {
    function = reinterpret_cast<Function>(const_cast<void*>(slots[slot]));
  }
};

void take_process_functions(const Table& table, Functions& out) {
  table.take(out.GetErrorMessage, 2);
  table.take(out.CreateSessionOptions, 10);
  table.take(out.SetSessionExecutionMode, 13);
  table.take(out.SetSessionLogSeverityLevel, 22);
  table.take(out.SetSessionGraphOptimizationLevel, 23);
  table.take(out.CreateRunOptions, 39);
  table.take(out.RunOptionsSetTerminate, 46);
  table.take(out.CreateMemoryInfo, 68);
  table.take(out.CreateCpuMemoryInfo, 69);
  table.take(out.AllocatorAlloc, 75);
  table.take(out.AllocatorFree, 76);
  table.take(out.GetAllocatorWithDefaultOptions, 78);
  table.take(out.ReleaseEnv, 92);
  table.take(out.ReleaseStatus, 93);
  table.take(out.ReleaseMemoryInfo, 94);
  table.take(out.ReleaseRunOptions, 97);
  table.take(out.ReleaseSessionOptions, 100);
  table.take(out.DisablePerSessionThreads, 120);
  table.take(out.CreateThreadingOptions, 121);
  table.take(out.ReleaseThreadingOptions, 122);
  table.take(out.AddSessionConfigEntry, 130);
  table.take(out.SetGlobalIntraOpNumThreads, 147);
  table.take(out.SetGlobalInterOpNumThreads, 148);
  table.take(out.CreateEnvWithCustomLoggerAndGlobalThreadPools, 151);
  table.take(out.SetGlobalDenormalAsZero, 155);
}

void take_session_functions(const Table& table, Functions& out) {
  table.take(out.CreateSessionFromArray, 8);
  table.take(out.SessionGetInputCount, 30);
  table.take(out.SessionGetOutputCount, 31);
  table.take(out.SessionGetInputTypeInfo, 33);
  table.take(out.SessionGetOutputTypeInfo, 34);
  table.take(out.SessionGetInputName, 36);
  table.take(out.SessionGetOutputName, 37);
  table.take(out.CreateTensorWithDataAsOrtValue, 49);
  table.take(out.CastTypeInfoToTensorInfo, 55);
  table.take(out.GetTensorElementType, 60);
  table.take(out.GetDimensionsCount, 61);
  table.take(out.GetDimensions, 62);
  table.take(out.ReleaseSession, 95);
  table.take(out.ReleaseValue, 96);
  table.take(out.ReleaseTypeInfo, 98);
  table.take(out.CreateAllocator, 131);
  table.take(out.ReleaseAllocator, 132);
  table.take(out.RunWithBinding, 133);
  table.take(out.CreateIoBinding, 134);
  table.take(out.ReleaseIoBinding, 135);
  table.take(out.BindInput, 136);
  table.take(out.BindOutput, 137);
}

void take_provider_functions(const Table& table, Functions& out) {
  table.take(out.GetAvailableProviders, 125);
  table.take(out.ReleaseAvailableProviders, 126);
  table.take(out.SessionOptionsAppendExecutionProvider_TensorRT_V2, 170);
  table.take(out.CreateTensorRTProviderOptions, 171);
  table.take(out.UpdateTensorRTProviderOptions, 172);
  table.take(out.ReleaseTensorRTProviderOptions, 174);
  table.take(out.SessionOptionsAppendExecutionProvider_CUDA_V2, 204);
  table.take(out.CreateCUDAProviderOptions, 205);
  table.take(out.UpdateCUDAProviderOptions, 206);
  table.take(out.ReleaseCUDAProviderOptions, 208);
}

void take_plugin_functions(const Table& table, Functions& out) {
  table.take(out.GetKeyValue, 297);
  table.take(out.RegisterExecutionProviderLibrary, 301);
  table.take(out.GetEpDevices, 303);
  table.take(out.SessionOptionsAppendExecutionProvider_V2, 304);
  table.take(out.HardwareDevice_Type, 307);
  table.take(out.EpDevice_EpName, 312);
  table.take(out.EpDevice_EpMetadata, 314);
  table.take(out.EpDevice_Device, 316);
  table.take(out.EpDevice_MemoryInfo, 374);
}

}  // namespace

Functions read_functions(const void* table, std::uint32_t api_version) {
  const Table slots{static_cast<const void* const*>(table)};
  Functions out{};
  out.api_version = api_version;
  take_process_functions(slots, out);
  take_session_functions(slots, out);
  take_provider_functions(slots, out);
  // The table of an older version ends before them.
  if (api_version >= kCancellableLoadApi) {
    slots.take(out.SessionOptionsSetLoadCancellationFlag, 293);
  }
  if (api_version >= kPluginApi) take_plugin_functions(slots, out);
  return out;
}

void check(const Functions& functions, Status* status, const std::string& what) {
  if (status == nullptr) return;
  std::string message = cat(what, ": ONNX Runtime: ", functions.GetErrorMessage(status));
  functions.ReleaseStatus(status);
  // OpenVINO ends its messages with empty lines.
  message.erase(message.find_last_not_of('\n') + 1);
  throw Error(ErrorCode::kBackend, message);
}

}  // namespace eenet::ort
