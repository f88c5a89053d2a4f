"""Checks what is written against the network that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.models import MultiExitNetwork
from eenet.noise import Inputs
from eenet.policies.calibration import check_schedule
from eenet.predictions import Predictions
from eenet.workflows.profile import ProfileOptions

LOGIT_BOUND = 1e-3
_LEAST_SCALE = 2.0**-10  # of the largest logit: float32 holds no more of it than 2^-24


def verify_logits(
    bundle: Path, network: MultiExitNetwork, inputs: Inputs, options: ProfileOptions
) -> tuple[NDArray[np.float32], list[float]]:
    """Compares every exit's logits with PyTorch's on real inputs.

    Args:
        bundle: with the segments of the network.
        network: the network.
        inputs: ``{name: (N, ...)}``, in the order of the network's.
        options: threads and provider of the runtime.

    Returns:
        The runtime's logits, float32 ``(N, K, C)``, and the largest difference per exit as a share of the deviation
        of that exit's logits, so that it means the same whatever their scale.

    Raises:
        UserError: a difference exceeds `LOGIT_BOUND`.
    """
    seen = runtime_logits(bundle, inputs, options)
    with torch.inference_mode():
        tensors = [torch.from_numpy(array) for array in inputs.values()]
        expected = torch.stack(network.eval()(*tensors), dim=1).numpy()
    return seen, differences(seen, expected, "PyTorch's")


def differences(seen: NDArray[np.float32], expected: NDArray[np.float32], of: str) -> list[float]:
    """The largest difference of logits ``(N, K, C)`` per exit, as `verify_logits` gives it.

    Raises:
        UserError: one exceeds `LOGIT_BOUND`; ``of`` says whose the expected ones are.
    """
    errors = [_difference(seen[:, k], expected[:, k]) for k in range(seen.shape[1])]
    if not max(errors) <= LOGIT_BOUND:
        listed = ", ".join(f"{error:.2g}" for error in errors)
        raise UserError(
            f"verify: logits differ from {of} by {listed} of their deviation per exit, the bound is {LOGIT_BOUND}"
        )
    return errors


def verify_schedules(bundle: Path, inputs: Inputs, calibration: Predictions, options: ProfileOptions) -> None:
    """Loads a whole bundle and checks its schedules.

    1. The exits that ``infer`` takes are those of ``replay`` on the logits that it saw.
    2. Every schedule leaves the calibration set as was stored, and cost and margin keep its budget.

    Raises:
        UserError: one of them does not hold.
    """
    runtime = _load(bundle, options)
    if runtime.schedule is not None:
        exits = np.array([runtime.infer(x).exit for x in _samples(inputs)])
        differ = int((exits != eenet_rt.replay(_logits(runtime, inputs), runtime.schedule.exit_policy).exits).sum())
        if differ:
            raise UserError(f"verify: {differ} of {len(exits)} samples leave at other exits than in replay")
    for schedule in runtime.schedules:
        check_schedule(schedule, calibration)


def _load(bundle: Path, options: ProfileOptions) -> eenet_rt.Runtime:
    return eenet_rt.load(bundle, threads=options.threads, providers=[options.provider])


def _samples(inputs: Inputs) -> Iterator[Inputs]:
    for row in range(len(next(iter(inputs.values())))):
        yield {name: array[row, ...] for name, array in inputs.items()}


def runtime_logits(bundle: Path, inputs: Inputs, options: ProfileOptions) -> NDArray[np.float32]:
    """Logits of every exit by the runtime, float32 ``(N, K, C)``."""
    return _logits(_load(bundle, options), inputs)


def _logits(runtime: eenet_rt.Runtime, inputs: Inputs) -> NDArray[np.float32]:
    last = runtime.num_exits - 1
    results = [runtime.infer(x, forced_exit=last, return_outputs=True) for x in _samples(inputs)]
    return np.stack([result.logits for result in results if result.logits is not None])


def _difference(seen: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    largest = float(np.abs(seen - expected).max())
    scale = max(float(expected.std()), _LEAST_SCALE * float(np.abs(expected).max()))
    return largest / scale if scale > 0 else float(largest > 0)
