#pragma once

#include <cxxabi.h>
#include <unistd.h>

#include <pybind11/pybind11.h>

namespace eenet::python {

// When the interpreter ends, it ends the thread of a daemon that asks for the GIL by unwinding its
// stack, which no destructor survives. Here such a thread waits for the end of the process.

template <typename Work>
auto unless_over(const Work& work) {
  try {
    return work();
  } catch (abi::__forced_unwind&) {
    for (;;) ::pause();
  }
}

/// Calls a Python function, which may let others have the GIL and so end with the interpreter:
/// nothing with a destructor may lie between this and the interpreter.
/// @param argument Null for none.
/// @return A new reference, or null with an error set.
inline PyObject* call_python(PyObject* function, PyObject* argument) {
  return unless_over([&] {
    return argument == nullptr ? PyObject_CallNoArgs(function)
                               : PyObject_CallOneArg(function, argument);
  });
}

/// Holds the GIL while it lives, in any thread.
class AcquiredGil {
 public:
  AcquiredGil() : state_(unless_over([] { return PyGILState_Ensure(); })) {}
  AcquiredGil(const AcquiredGil&) = delete;
  AcquiredGil& operator=(const AcquiredGil&) = delete;
  ~AcquiredGil() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_;
};

/// Releases the GIL while it lives.
class ReleasedGil {
 public:
  ReleasedGil() : state_(PyEval_SaveThread()) {}
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;
  ~ReleasedGil() {
    unless_over([this] { PyEval_RestoreThread(state_); });
  }

 private:
  PyThreadState* state_;
};

}  // namespace eenet::python
