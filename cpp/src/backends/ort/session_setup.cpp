#include "backends/ort/session_setup.h"

#include <cstdlib>

#include "eenet/error.h"

#include "util/context.h"
#include "util/text.h"

namespace eenet::ort {
namespace {

/// Options as the library takes them. Borrows the strings.
struct KeysAndValues {
  explicit KeysAndValues(const std::map<std::string, std::string>& options) {
    for (const auto& [key, value] : options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }

  std::vector<const char*> keys;
  std::vector<const char*> values;
};

/// What the library does not like about options is the caller's to mend.
template <typename Call>
void apply(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    throw Error(ErrorCode::kInput, error.what());
  }
}

void append_cuda(const Functions& api, SessionOptions* options, const Provider& provider) {
  const std::string what = "options";
  const KeysAndValues given(provider.options);
  const Handle<CudaOptions> cuda =
      make(api, api.ReleaseCUDAProviderOptions, what, api.CreateCUDAProviderOptions);
  apply([&] {
    check(api,
          api.UpdateCUDAProviderOptions(cuda.get(), given.keys.data(), given.values.data(),
                                        given.keys.size()),
          what);
  });
  check(api, api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()), "opening it");
}

void append_tensorrt(const Functions& api, SessionOptions* options, const Provider& provider) {
  const std::string what = "options";
  const KeysAndValues given(provider.options);
  const Handle<TensorRtOptions> tensorrt =
      make(api, api.ReleaseTensorRTProviderOptions, what, api.CreateTensorRTProviderOptions);
  apply([&] {
    check(api,
          api.UpdateTensorRTProviderOptions(tensorrt.get(), given.keys.data(), given.values.data(),
                                            given.keys.size()),
          what);
  });
  check(api, api.SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt.get()),
        "opening it");
}

void append(const Environment& environment, SessionOptions* options, const Provider& provider) {
  const Functions& api = environment.functions();
  const KeysAndValues given(provider.options);
  switch (provider.known->kind) {
    case ProviderKind::kCpu:
      break;  // Every session has it, and uses it unless it is told not to.
    case ProviderKind::kCuda:
      append_cuda(api, options, provider);
      break;
    case ProviderKind::kTensorRt:
      append_tensorrt(api, options, provider);
      break;
    case ProviderKind::kPlugin:
      check(api,
            api.SessionOptionsAppendExecutionProvider_V2(options, environment.env(),
                                                         &provider.device, 1, given.keys.data(),
                                                         given.values.data(), given.keys.size()),
            "opening it");
      break;
  }
}

Handle<SessionOptions> make_options(const Environment& environment,
                                    const std::vector<Provider>& providers) {
  const Functions& api = environment.functions();
  const std::string what = "session options";
  Handle<SessionOptions> options =
      make(api, api.ReleaseSessionOptions, what, api.CreateSessionOptions);
  check(api, api.SetSessionGraphOptimizationLevel(options.get(), kEnableAll), what);
  check(api, api.SetSessionExecutionMode(options.get(), kSequential), what);
  check(api, api.SetSessionLogSeverityLevel(options.get(), log_severity()), what);
  check(api, api.DisablePerSessionThreads(options.get()), what);
  // The library would also take its own format, whose contents nobody here has looked at.
  check(api, api.AddSessionConfigEntry(options.get(), "session.load_model_format", "ONNX"), what);
  if (providers.back().known->kind != ProviderKind::kCpu) {
    // What the providers cannot run would go to the CPU without a word.
    check(api, api.AddSessionConfigEntry(options.get(), "session.disable_cpu_ep_fallback", "1"),
          what);
  }
  return options;
}

std::shared_ptr<const MemoryInfo> cuda_memory(const Functions& api, const Provider& provider) {
  const auto id = provider.options.find("device_id");
  const int device = id == provider.options.end() ? 0 : std::atoi(id->second.c_str());
  Handle<MemoryInfo> info = make(api, api.ReleaseMemoryInfo, "device memory", api.CreateMemoryInfo,
                                 "Cuda", kDevice, device, kDefault);
  return {info.release(), info.get_deleter()};
}

std::shared_ptr<const MemoryInfo> plugin_memory(const Functions& api, const Provider& provider) {
  const MemoryInfo* info = api.EpDevice_MemoryInfo(provider.device, kDeviceOnly);
  // A processor has no other memory than the host's, but may want it allocated its way.
  if (info == nullptr) info = api.EpDevice_MemoryInfo(provider.device, kHostAccessible);
  if (info == nullptr) return nullptr;
  return {info, [](const MemoryInfo*) {}};  // The environment's.
}

std::shared_ptr<const MemoryInfo> device_memory(const Functions& api, const Provider& provider) {
  if (!provider.device_memory) return nullptr;
  return provider.device == nullptr ? cuda_memory(api, provider) : plugin_memory(api, provider);
}

}  // namespace

SessionSetup make_session_setup(const Environment& environment,
                                const std::vector<Provider>& providers) {
  const Provider& first = providers.front();
  SessionSetup setup{make_options(environment, providers), first.known->kind != ProviderKind::kCpu,
                     device_memory(environment.functions(), first)};
  for (const Provider& provider : providers) {
    in_context(cat("provider '", provider.known->name, "'"),
               [&] { append(environment, setup.options.get(), provider); });
  }
  return setup;
}

}  // namespace eenet::ort
