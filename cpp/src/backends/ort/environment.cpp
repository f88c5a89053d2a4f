#include "backends/ort/environment.h"

#include <mutex>

#include "eenet/error.h"

#include "backends/ort/process.h"
#include "util/log.h"
#include "util/text.h"

namespace eenet::ort {
namespace {

void pass_on(void* /*param*/, LoggingLevel severity, const char* /*category*/, const char* /*id*/,
             const char* /*location*/, const char* message) {
  log(severity >= kError ? LogLevel::kError : LogLevel::kWarning, message);
}

Handle<Env> make_env(const Functions& api, int threads) {
  const std::string what = "environment";
  const Handle<ThreadingOptions> options =
      make(api, api.ReleaseThreadingOptions, what, api.CreateThreadingOptions);
  check(api, api.SetGlobalIntraOpNumThreads(options.get(), threads), what);
  check(api, api.SetGlobalInterOpNumThreads(options.get(), 1), what);
  // The pool's threads, that is; a calling thread is seen to on every run.
  check(api, api.SetGlobalDenormalAsZero(options.get()), what);
  Handle<Env> env =
      make(api, api.ReleaseEnv, what, api.CreateEnvWithCustomLoggerAndGlobalThreadPools, &pass_on,
           static_cast<void*>(nullptr), log_severity(), "eenet", options.get());
  watch_process();
  return env;
}

}  // namespace

LoggingLevel log_severity() noexcept {
  return logging() ? kWarning : kFatal;
}

Environment::Environment(const LoadOptions& options)
    : library_(open_library(options.files)),
      threads_(options.threads),
      env_(make_env(functions(), threads_)),
      cpu_memory_(make(functions(), functions().ReleaseMemoryInfo, "memory info",
                       functions().CreateCpuMemoryInfo, kArena, kDefault)) {
  check(functions(), functions().GetAllocatorWithDefaultOptions(&allocator_), "allocator");
}

const Environment& Environment::get(const LoadOptions& options) {
  static std::mutex mutex;
  static const Environment* environment = nullptr;  // Left to the process's end on purpose.

  check_fork();
  const std::lock_guard lock(mutex);
  if (environment == nullptr) environment = new Environment(options);
  if (environment->threads_ != options.threads) {
    throw Error(ErrorCode::kConfiguration,
                cat("threads: ", options.threads, " came, ", environment->threads_,
                    " expected: the first load of a process fixes the number of threads"));
  }
  return *environment;
}

void Environment::register_plugin(const std::string& name, const std::string& path) const {
  const Functions& api = functions();
  if (api.api_version < kPluginApi) {
    throw Error(ErrorCode::kBackend,
                cat("ONNX Runtime ", library_.version, " came from ", quote_name(library_.path),
                    ", 1.", kPluginApi, " or newer expected for a provider that is plugged in"));
  }
  const std::lock_guard lock(mutex_);
  const auto known = plugins_.find(name);
  if (known == plugins_.end()) {
    check(api, api.RegisterExecutionProviderLibrary(env(), name.c_str(), path.c_str()),
          quote_name(path));
    plugins_.emplace(name, path);
  } else if (known->second != path) {
    throw Error(ErrorCode::kConfiguration,
                cat(quote_name(path), " came, ", quote_name(known->second),
                    " expected: a process keeps the first library of a provider"));
  }
}

std::vector<const EpDevice*> Environment::devices(std::string_view official_name) const {
  const Functions& api = functions();
  const EpDevice* const* devices = nullptr;
  std::size_t count = 0;
  const std::lock_guard lock(mutex_);
  check(api, api.GetEpDevices(env(), &devices, &count), "devices");
  std::vector<const EpDevice*> out;
  for (std::size_t i = 0; i < count; ++i) {
    if (api.EpDevice_EpName(devices[i]) == official_name) out.push_back(devices[i]);
  }
  return out;
}

}  // namespace eenet::ort
