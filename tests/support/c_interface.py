"""The C interface as any language calls it, here by ctypes: a program of its own, without a package of this project.

Run: python c_interface.py LIBEENET_C ONNXRUNTIME BUNDLE HEAD_BUNDLE SAMPLES.npy. Prints JSON: what `eenet_infer`,
`eenet_infer_batch` and, over the two bundles, `eenet_resume` answer, and what was logged.
"""

from __future__ import annotations

import ctypes as c
import json
import sys
from typing import Any

import numpy as np

Floats, Doubles, Integers = c.POINTER(c.c_float), c.POINTER(c.c_double), c.POINTER(c.c_int64)
FLOAT32, STOP_HANDED_ON = 0, 4


class Struct(c.Structure):
    """One that begins with its size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.struct_size = c.sizeof(self)


class Option(c.Structure):
    _fields_ = (("name", c.c_char_p), ("value", c.c_char_p))


class LoadOptions(Struct):
    _fields_ = (
        ("struct_size", c.c_size_t), ("threads", c.c_int64), ("budget", c.c_double), ("cost_profile", Doubles),
        ("num_costs", c.c_size_t), ("onnxruntime", c.c_char_p), ("budget_share", c.c_double),
        ("load_timeout", c.c_double), ("memory_limit", c.c_uint64), ("provider", c.c_char_p),
        ("provider_options", c.POINTER(Option)), ("num_provider_options", c.c_size_t), ("plugin", c.c_char_p),
    )  # fmt: skip


class Tensor(c.Structure):
    _fields_ = (
        ("name", c.c_char_p), ("dtype", c.c_int64), ("rank", c.c_size_t), ("shape", Integers), ("data", c.c_void_p),
    )  # fmt: skip


class InferOptions(Struct):
    _fields_ = (
        ("struct_size", c.c_size_t), ("full_depth", c.c_int64), ("max_exit", Integers), ("deadline_ms", c.c_double),
        ("forced_exit", Integers), ("return_outputs", c.c_int64), ("half_handoff", c.c_int64),
        ("costs", Doubles), ("num_costs", c.c_size_t),
    )  # fmt: skip


class Answer(Struct):
    _fields_ = (
        ("struct_size", c.c_size_t), ("label", c.c_int64), ("probability", c.c_double), ("probabilities", Floats),
        ("num_probabilities", c.c_size_t), ("values", Floats), ("num_values", c.c_size_t), ("exit", c.c_int64),
        ("stopped_by", c.c_int64), ("schedule", c.c_int64), ("adapted", c.c_int64), ("scores", Floats),
        ("num_scores", c.c_size_t), ("handoff", c.c_void_p), ("handoff_size", c.c_size_t), ("segment_ms", Doubles),
        ("num_segments", c.c_size_t), ("latency_ms", c.c_double), ("backend_ms", c.c_double),
    )  # fmt: skip


class Output(c.Structure):
    _fields_ = (("rank", c.c_size_t), ("shape", Integers), ("data", Floats))


class Library:
    """The functions, with failures as exceptions."""

    def __init__(self, path: str) -> None:
        self.library = c.CDLL(path)
        self.library.eenet_last_error.restype = c.c_char_p
        self.library.eenet_num_answers.restype = c.c_size_t

    def call(self, name: str, *arguments: Any) -> None:
        if getattr(self.library, name)(*arguments) != 0:
            raise RuntimeError(self.library.eenet_last_error().decode())

    def load(self, bundle: str, options: LoadOptions) -> c.c_void_p:
        runtime = c.c_void_p()
        self.call("eenet_load", bundle.encode(), c.byref(options), c.byref(runtime))
        return runtime

    def answers(self, name: str, runtime: c.c_void_p, *given: Any) -> list[dict[str, Any]]:
        """What a call answers, copied."""
        options = InferOptions(return_outputs=1)
        answers = c.c_void_p()
        self.call(name, runtime, *given, c.byref(options), c.byref(answers))
        try:
            return [self._answer(answers, i) for i in range(self.library.eenet_num_answers(answers))]
        finally:
            self.library.eenet_free_answers(answers)

    def _answer(self, answers: c.c_void_p, sample: int) -> dict[str, Any]:
        answer = Answer()
        self.call("eenet_get_answer", answers, c.c_size_t(sample), c.byref(answer))
        outputs = []
        for exit in range(answer.exit + 1):
            output = Output()
            self.call("eenet_get_output", answers, c.c_size_t(sample), c.c_size_t(exit), c.c_size_t(0), c.byref(output))
            outputs.append(output.data[: output.shape[0]])
        return {
            "label": answer.label,
            "value": answer.values[: answer.num_values],
            "probabilities": answer.probabilities[: answer.num_probabilities],
            "exit": answer.exit,
            "scores": answer.scores[: answer.num_scores],
            "outputs": outputs,
            "handoff": c.string_at(answer.handoff, answer.handoff_size) if answer.handoff else None,
        }


def tensor(array: np.ndarray) -> Any:
    shape = (c.c_int64 * array.ndim)(*array.shape)
    return Tensor(None, FLOAT32, array.ndim, c.cast(shape, Integers), array.ctypes.data)


def main(library: str, onnxruntime: str, bundle: str, head_bundle: str, samples: str) -> None:
    inputs = np.load(samples)
    eenet = Library(library)
    logged: list[str] = []
    log = c.CFUNCTYPE(None, c.c_void_p, c.c_int64, c.c_char_p)(lambda _, level, text: logged.append(text.decode()))
    eenet.library.eenet_set_log(log, None)
    options = LoadOptions(onnxruntime=onnxruntime.encode(), provider=b"cpu")
    whole, head = eenet.load(bundle, options), eenet.load(head_bundle, options)

    one = [eenet.answers("eenet_infer", whole, c.byref(tensor(x)), c.c_size_t(1))[0] for x in inputs]
    batch = eenet.answers("eenet_infer_batch", whole, c.byref(tensor(inputs)), c.c_size_t(1))
    tiers = []
    for x in inputs:
        (answer,) = eenet.answers("eenet_infer", head, c.byref(tensor(x)), c.c_size_t(1))
        if answer["handoff"]:
            data = answer["handoff"]
            (answer,) = eenet.answers("eenet_resume", whole, data, c.c_size_t(len(data)))
        tiers.append(answer)
    eenet.call("eenet_set_budget", whole, c.c_double(1e18), None)
    full = eenet.answers("eenet_infer_batch", whole, c.byref(tensor(inputs)), c.c_size_t(1))
    eenet.library.eenet_set_log(None, None)
    for runtime in (whole, head):
        eenet.library.eenet_free(runtime)
    print(json.dumps({"one": one, "batch": batch, "tiers": tiers, "full": full, "logged": logged}))


if __name__ == "__main__":
    main(*sys.argv[1:])
