#pragma once

#include <stop_token>

#include <pybind11/pybind11.h>

#include "eenet/error.h"

#include "gil.h"

namespace eenet::python {

/// A call on Python's main thread that SIGINT and SIGTERM end, where Python has handlers of its own
/// for them. On any other thread, to which Python tells no signals, it is a call like any other.
///
/// Python's handlers run in the main thread, and only once it is back. Until then somebody else has
/// to notice: one thread a process, which sleeps until one of the signals comes, and while calls
/// are made looks at times whether Python still has the same handlers.
class InterruptibleCall {
 public:
  /// Needs the GIL.
  /// @throws py::error_already_set if a handler that was due raises something.
  InterruptibleCall();
  InterruptibleCall(const InterruptibleCall&) = delete;
  InterruptibleCall& operator=(const InterruptibleCall&) = delete;
  ~InterruptibleCall();

  std::stop_token token() const;

 private:
  bool on_main_thread_;
  bool nested_ = false;
};

/// Does work without the GIL that listens to a stop token, until it is done or a signal's handler
/// raises something. A handler that raises nothing has the work begin anew, so it must be
/// repeatable.
template <typename Work>
auto interruptible(const Work& work) {
  for (;;) {
    const InterruptibleCall call;
    try {
      const ReleasedGil released;
      return work(call.token());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
    }
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
  }
}

/// To be called when the module is loaded.
void watch_signals();

}  // namespace eenet::python
