#include "ort/environment.h"

#include <atomic>
#include <mutex>
#include <pthread.h>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::ort {
namespace {

std::atomic<bool> forked{false};

Handle<Env> make_env(const Functions& api, int threads) {
  const std::string what = "environment";
  const Handle<ThreadingOptions> options =
      make(api, api.ReleaseThreadingOptions, what, api.CreateThreadingOptions);
  check(api, api.SetGlobalIntraOpNumThreads(options.get(), threads), what);
  check(api, api.SetGlobalInterOpNumThreads(options.get(), 1), what);
  return make(api, api.ReleaseEnv, what, api.CreateEnvWithGlobalThreadPools, kFatal, "eenet",
              options.get());
}

Handle<SessionOptions> make_session_options(const Functions& api) {
  const std::string what = "session options";
  Handle<SessionOptions> options =
      make(api, api.ReleaseSessionOptions, what, api.CreateSessionOptions);
  check(api, api.SetSessionGraphOptimizationLevel(options.get(), kEnableAll), what);
  check(api, api.SetSessionExecutionMode(options.get(), kSequential), what);
  check(api, api.SetSessionLogSeverityLevel(options.get(), kFatal), what);
  check(api, api.DisablePerSessionThreads(options.get()), what);
  // The library would also take its own format, whose contents nobody here has looked at.
  check(api, api.AddSessionConfigEntry(options.get(), "session.load_model_format", "ONNX"), what);
  return options;
}

}  // namespace

Environment::Environment(const OnnxRuntimeOptions& options)
    : library_(open_library(options.library_paths)),
      threads_(options.threads),
      env_(make_env(functions(), threads_)),
      session_options_(make_session_options(functions())),
      run_options_(make(functions(), functions().ReleaseRunOptions, "run options",
                        functions().CreateRunOptions)),
      cpu_memory_(make(functions(), functions().ReleaseMemoryInfo, "memory info",
                       functions().CreateCpuMemoryInfo, kArena, kDefault)) {
  check(functions(), functions().GetAllocatorWithDefaultOptions(&allocator_), "allocator");
}

const Environment& Environment::get(const OnnxRuntimeOptions& options) {
  static std::mutex mutex;
  static const Environment* environment = nullptr;  // Left to the process's end on purpose.

  check_fork();
  const std::lock_guard lock(mutex);
  if (environment == nullptr) {
    environment = new Environment(options);
    ::pthread_atfork(nullptr, nullptr, [] { forked = true; });
  }
  if (environment->threads_ != options.threads) {
    throw Error(ErrorCode::kConfiguration,
                cat("threads: ", options.threads, " came, ", environment->threads_,
                    " expected: the first load of a process fixes the number of threads"));
  }
  return *environment;
}

void Environment::check_fork() {
  if (forked.load(std::memory_order_relaxed)) {
    throw Error(ErrorCode::kConfiguration,
                "this process was forked from one that had loaded a bundle; ONNX Runtime does not "
                "survive that: load in the child only, or start children with 'spawn'");
  }
}

}  // namespace eenet::ort
