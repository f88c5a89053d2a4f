#include "interrupts.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <semaphore.h>
#include <thread>

namespace eenet::python {
namespace {

namespace py = pybind11;

using Handler = void (*)(int);

constexpr int kSignals[] = {SIGINT, SIGTERM};
// How often handlers are looked at while calls keep coming, and for how long after the last one.
constexpr long kTickNs = 20'000'000;
constexpr int kTicksAfter = 50;

/// What the main thread, the handler and the thread that waits share.
struct Interrupts {
  explicit Interrupts(unsigned long main) : main_thread(main) { ::sem_init(&rung, 0, 0); }

  const unsigned long main_thread;
  std::atomic<bool> active{false};     // A call is under way on the main thread.
  std::atomic<bool> begun{false};      // One has begun since the last tick.
  std::atomic<bool> ticking{false};    // The thread that waits looks after the handlers.
  std::atomic<bool> signalled{false};  // A signal came.
  sem_t rung;                          // Wakes the thread that waits.
  std::mutex mutex;                    // Guards source against its replacement.
  std::stop_source source;             // Of the calls, until it has been used.
  bool waiting = false;                // There is a thread for it.
};

// Never destroyed: a signal may come at any time. A forked child has its own.
Interrupts* interrupts = nullptr;
// Python's handler, which is the same for all signals.
std::atomic<Handler> pythons{nullptr};

void on_signal(int number) {
  const int before = errno;
  pythons.load()(number);  // First, so that what it notes is there when the call ends.
  interrupts->signalled = true;
  ::sem_post(&interrupts->rung);
  errno = before;
}

/// Puts on_signal() in front of Python's handler, if there is one: it may come and go at any time.
/// @return Whether it was not there.
bool hook(int number) {
  struct sigaction action{};
  if (::sigaction(number, nullptr, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0) {
    return false;
  }
  const Handler found = action.sa_handler;
  if (found == SIG_DFL || found == SIG_IGN || found == &on_signal) return false;
  Handler expected = nullptr;
  // Another library's, which may call this one in turn, is left alone.
  if (!pythons.compare_exchange_strong(expected, found) && expected != found) return false;
  action.sa_handler = &on_signal;
  return ::sigaction(number, &action, nullptr) == 0;
}

bool hook_all() {
  bool any = false;
  for (const int number : kSignals) any = hook(number) || any;
  return any;
}

/// Until something rings, or for a tick.
void wait(Interrupts& its) {
  if (!its.ticking) {
    ::sem_wait(&its.rung);
    return;
  }
  timespec until{};
  ::clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += kTickNs;
  if (until.tv_nsec >= 1'000'000'000) {
    until.tv_nsec -= 1'000'000'000;
    ++until.tv_sec;
  }
  ::sem_timedwait(&its.rung, &until);
}

/// What the thread that waits does, for good.
[[noreturn]] void wait_for_signals(Interrupts& its) {
  for (int quiet = 0;; ++quiet) {
    wait(its);
    if (its.begun.exchange(false) || its.active) quiet = 0;
    // What came to a handler that was put in place meanwhile, nobody was told: the call looks.
    const bool missed = its.active && hook_all();
    if ((its.signalled.exchange(false) || missed) && its.active) {
      const std::lock_guard lock(its.mutex);
      its.source.request_stop();
    }
    if (quiet < kTicksAfter) continue;
    its.ticking = false;
    if (its.active) its.ticking = true;  // One that has begun just now, and saw it ticking.
  }
}

void start_waiting() {
  if (interrupts->waiting) return;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // Other threads are there to take signals.
  std::thread([its = interrupts] { wait_for_signals(*its); }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  interrupts->waiting = true;
}

/// Sees to the handlers now, and has the thread that waits do so from now on. A look costs as much
/// as a tiny network's first segment, so calls that follow each other leave it at that.
void start_ticking() {
  if (interrupts->ticking) return;
  hook_all();
  interrupts->ticking = true;
  ::sem_post(&interrupts->rung);
}

}  // namespace

InterruptibleCall::InterruptibleCall()
    : on_main_thread_(PyThread_get_thread_ident() == interrupts->main_thread) {
  if (!on_main_thread_) return;
  start_waiting();
  if (interrupts->source.stop_requested()) {
    const std::lock_guard lock(interrupts->mutex);
    interrupts->source = std::stop_source();
  }
  nested_ = interrupts->active.exchange(true);
  interrupts->begun.store(true, std::memory_order_relaxed);
  start_ticking();
  // What came before the line above, nobody was told.
  if (PyErr_CheckSignals() != 0) {
    interrupts->active.store(nested_);
    throw py::error_already_set();
  }
}

InterruptibleCall::~InterruptibleCall() {
  if (on_main_thread_) interrupts->active.store(nested_);
}

std::stop_token InterruptibleCall::token() const {
  return on_main_thread_ ? interrupts->source.get_token() : std::stop_token();
}

void watch_signals() {
  if (interrupts != nullptr) return;
  const py::object main = py::module_::import("threading").attr("main_thread")();
  interrupts = new Interrupts(main.attr("ident").cast<unsigned long>());
  ::pthread_atfork(nullptr, nullptr,
                   [] { interrupts = new Interrupts(PyThread_get_thread_ident()); });
}

}  // namespace eenet::python
