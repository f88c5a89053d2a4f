#include "ort/api.h"

#include <type_traits>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::ort {

Functions read_functions(const void* table) {
  const auto* const slots = static_cast<const void* const*>(table);
  Functions out{};
  const auto take = [slots](auto& function, std::size_t slot) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        const_cast<void*>(slots[slot]));
  };
  take(out.GetErrorMessage, 2);
  take(out.CreateSessionFromArray, 8);
  take(out.CreateSessionOptions, 10);
  take(out.SetSessionExecutionMode, 13);
  take(out.SetSessionLogSeverityLevel, 22);
  take(out.SetSessionGraphOptimizationLevel, 23);
  take(out.SessionGetInputCount, 30);
  take(out.SessionGetOutputCount, 31);
  take(out.SessionGetInputTypeInfo, 33);
  take(out.SessionGetOutputTypeInfo, 34);
  take(out.SessionGetInputName, 36);
  take(out.SessionGetOutputName, 37);
  take(out.CreateRunOptions, 39);
  take(out.CreateTensorWithDataAsOrtValue, 49);
  take(out.CastTypeInfoToTensorInfo, 55);
  take(out.GetTensorElementType, 60);
  take(out.GetDimensionsCount, 61);
  take(out.GetDimensions, 62);
  take(out.CreateCpuMemoryInfo, 69);
  take(out.AllocatorFree, 76);
  take(out.GetAllocatorWithDefaultOptions, 78);
  take(out.ReleaseEnv, 92);
  take(out.ReleaseStatus, 93);
  take(out.ReleaseMemoryInfo, 94);
  take(out.ReleaseSession, 95);
  take(out.ReleaseValue, 96);
  take(out.ReleaseRunOptions, 97);
  take(out.ReleaseTypeInfo, 98);
  take(out.ReleaseSessionOptions, 100);
  take(out.CreateEnvWithGlobalThreadPools, 119);
  take(out.DisablePerSessionThreads, 120);
  take(out.CreateThreadingOptions, 121);
  take(out.ReleaseThreadingOptions, 122);
  take(out.AddSessionConfigEntry, 130);
  take(out.RunWithBinding, 133);
  take(out.CreateIoBinding, 134);
  take(out.ReleaseIoBinding, 135);
  take(out.BindInput, 136);
  take(out.BindOutput, 137);
  take(out.SetGlobalIntraOpNumThreads, 147);
  take(out.SetGlobalInterOpNumThreads, 148);
  return out;
}

void check(const Functions& functions, Status* status, const std::string& what) {
  if (status == nullptr) return;
  const std::string message = cat(what, ": ONNX Runtime: ", functions.GetErrorMessage(status));
  functions.ReleaseStatus(status);
  throw Error(ErrorCode::kBackend, message);
}

}  // namespace eenet::ort
