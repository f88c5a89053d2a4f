#include "backends/ort/process.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "eenet/error.h"

namespace eenet::ort {
namespace {

enum class State : int { kAlive, kForked, kExiting };

std::atomic<State> state{State::kAlive};
std::atomic<int> exit_status{0};
std::atomic<std::thread::id> exiting_thread;

/// Every Activity there is. Never destroyed, for threads may outlive the destructors.
struct Activities {
  std::mutex mutex;
  std::list<Activity*> all;
};

Activities& activities() {
  static auto* const them = new Activities;
  return *them;
}

// How long the end of the process waits for others, and they for it.
constexpr auto kPatience = std::chrono::seconds(5);

[[noreturn]] void leave(int status) {
  std::fflush(nullptr);
  ::_exit(status);
}

/// Keeps a thread from running while the rest of the process is torn down.
[[noreturn]] void park() {
  std::this_thread::sleep_for(kPatience);
  // Somebody waits for this thread to end, which it cannot without running.
  leave(exit_status);
}

/// Keeps the code of the handlers in the process when whoever loaded it closes it.
void pin() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&pin), &info) != 0 && info.dli_fname != nullptr) {
    ::dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

void at_exit(int status) {
  exit_status = status;
  exiting_thread = std::this_thread::get_id();
  state = State::kExiting;
  Activity::stop_all();
}

/// Registers an exit handler that gets to know the status, where the C library has such.
template <void (*handler)(int)>
void add_exit_handler() {
#if defined(__GLIBC__)
  ::on_exit([](int status, void*) { handler(status); }, nullptr);
#else
  std::atexit([] { handler(EXIT_SUCCESS); });
#endif
}

void in_child() {
  state = State::kForked;
  // Now, so that it comes before all handlers that the library has registered meanwhile.
  add_exit_handler<&leave>();
}

}  // namespace

void Activity::stop_all() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (bool running = true; running && std::chrono::steady_clock::now() < end;) {
    running = false;
    {
      const std::lock_guard lock(activities().mutex);
      for (Activity* const each : activities().all) {
        if (!each->running_) continue;
        running = true;
        each->stop_();
      }
    }
    if (running) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void watch_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    pin();
    ::pthread_atfork(nullptr, nullptr, &in_child);
    add_exit_handler<&at_exit>();
  });
}

bool forked() noexcept {
  return state.load(std::memory_order_relaxed) == State::kForked;
}

void check_fork() {
  if (forked()) {
    throw Error(ErrorCode::kConfiguration,
                "this process was forked from one that had loaded a bundle; ONNX Runtime does not "
                "survive that: load in the child only, or start children with 'spawn'");
  }
}

void stay_out_of_exit() {
  if (state.load() == State::kExiting && exiting_thread.load() != std::this_thread::get_id()) {
    park();
  }
}

Activity::Activity(std::function<void()> stop) : stop_(std::move(stop)) {
  check_fork();  // Before the lock, which may be held by a thread that did not come along.
  const std::lock_guard lock(activities().mutex);
  place_ = activities().all.insert(activities().all.end(), this);
}

Activity::~Activity() {
  if (forked()) return;
  const std::lock_guard lock(activities().mutex);
  activities().all.erase(place_);
}

Activity::Run::Run(Activity& activity) : activity_(activity) {
  // In one order with the look at the state: either it is seen here, or the run is seen there.
  activity_.running_.store(true);
  if (state.load() == State::kAlive) return;
  activity_.running_.store(false);
  check_fork();
  stay_out_of_exit();
}

Activity::Run::~Run() {
  activity_.running_.store(false, std::memory_order_release);
}

}  // namespace eenet::ort
