"""PyTorch's exporter to ONNX, made quick where a process exports many small networks."""

from __future__ import annotations

import functools

from torch.onnx._internal.exporter._registration import ONNXRegistry


def keep_translations() -> None:
    """Has the table of translations made once: it is always the same, and takes a third of a small export."""
    ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))  # type: ignore[assignment]
