"""Children that are killed at one of their system calls, or are refused one. For processes without threads."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import traceback
from collections.abc import Callable
from ctypes import POINTER, Structure, c_long, c_ubyte, c_uint, c_ushort, c_void_p

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = (c_long, c_long, c_void_p, c_void_p)
_LIBC.ptrace.restype = c_long
_TRACE_ME, _SYSCALL, _SET_OPTIONS = 0, 24, 0x4200
_SYSGOOD, _EXIT_KILL = 1, 1 << 20

_NUMBERS = {
    "x86_64": {"close": 3, "renameat2": 316},
    "aarch64": {"close": 57, "renameat2": 276},
}


class NotHereError(Exception):
    """This system does not let processes be traced or filtered: says why."""


class _Instruction(Structure):
    _fields_ = (("code", c_ushort), ("jump_true", c_ubyte), ("jump_false", c_ubyte), ("k", c_uint))


class _Program(Structure):
    _fields_ = (("length", c_ushort), ("instructions", POINTER(_Instruction)))


def refuse(call: str, error: int) -> None:
    """From now on, a system call fails in this process with an error number, and does nothing.

    Raises:
        NotHereError: the kernel does not take the filter.
    """
    numbers = _NUMBERS.get(platform.machine())
    if numbers is None:
        raise NotHereError(f"numbers of system calls on {platform.machine()} are not known here")
    load, equal, give = 0x20, 0x15, 0x06
    code = (_Instruction * 4)(
        _Instruction(load, 0, 0, 0),  # The number of the call.
        _Instruction(equal, 0, 1, numbers[call]),
        _Instruction(give, 0, 0, 0x00050000 | error),
        _Instruction(give, 0, 0, 0x7FFF0000),
    )
    no_new_privileges, set_filter = 38, 22
    program = _Program(4, code)
    if _LIBC.prctl(no_new_privileges, 1, 0, 0, 0) or _LIBC.prctl(set_filter, 2, ctypes.byref(program), 0, 0):
        raise NotHereError(f"seccomp: {os.strerror(ctypes.get_errno())}")


def answer_of_child(work: Callable[[], str]) -> str:
    """What a function returns, or the error that it raises, in a forked child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


def kill_at_call(work: Callable[[], None], number: int) -> bool:
    """Runs a function in a forked child that is killed when it makes that system call, the first one being 1.

    Returns:
        Whether it was killed, for else it had come to its end.

    Raises:
        NotHereError: processes cannot be traced.
        RuntimeError: the function failed.
    """
    child = os.fork()
    if child == 0:
        try:
            if _LIBC.ptrace(_TRACE_ME, 0, None, None) != 0:
                os._exit(77)
            os.kill(os.getpid(), signal.SIGSTOP)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        raise NotHereError("ptrace is not permitted")
    if _LIBC.ptrace(_SET_OPTIONS, child, None, _SYSGOOD | _EXIT_KILL) != 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise NotHereError(f"ptrace: {os.strerror(ctypes.get_errno())}")
    stops = 0
    while True:
        _LIBC.ptrace(_SYSCALL, child, None, None)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status) != 0:
                raise RuntimeError(f"the function failed with status {os.WEXITSTATUS(status)}")
            return False
        if os.WIFSIGNALED(status):
            raise RuntimeError(f"the function was killed by signal {os.WTERMSIG(status)}")
        if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80:
            stops += 1
            # Every call stops twice: before it is made, and after.
            if stops == 2 * number - 1:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return True
