"""Checks what is written against the network that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.bundle import Bundle
from eenet.errors import UserError
from eenet.models import MultiExitNetwork
from eenet.noise import Inputs
from eenet.policies.calibration import check_schedule
from eenet.predictions import Predictions
from eenet.tasks.registry import task_named
from eenet.workflows.profile import ProfileOptions

BOUND = 1e-3
# Of networks in half precision, which keeps 3 digits of everything on the way: what is usual is a tenth of it.
HALF_BOUND = 3e-2
_LEAST_SCALE = 2.0**-10  # of the largest number: float32 holds no more of it than 2^-24

Exits = list[tuple[NDArray[np.float32], ...]]  # what each exit puts out, ``(N, ...)`` each, in the manifest's order


def verify_outputs(
    bundle: Path, network: MultiExitNetwork, inputs: Inputs, options: ProfileOptions
) -> tuple[Exits, list[float]]:
    """Compares what every exit puts out with PyTorch's on real inputs.

    Args:
        bundle: with the segments of the network.
        network: the network.
        inputs: ``{name: (N, ...)}``, in the order of the network's.
        options: threads and provider of the runtime.

    Returns:
        The runtime's outputs, and the largest difference per exit as a share of the deviation of those numbers, so
        that it means the same whatever their scale.

    Raises:
        UserError: a difference exceeds `BOUND`, or `HALF_BOUND`.
    """
    seen = runtime_outputs(bundle, inputs, options)
    with torch.inference_mode():
        tensors = [torch.from_numpy(array) for array in inputs.values()]
        found = network.eval().run_outputs(tensors, early_exits=True)
        expected = [tuple(tensor.numpy() for tensor in exit_) for exit_ in found]
    return seen, differences(seen, expected, "PyTorch's", Bundle.open(bundle).precision)


def differences(seen: Exits, expected: Exits, of: str, precision: str) -> list[float]:
    """The largest difference of outputs per exit, as `verify_outputs` gives it.

    Raises:
        UserError: one exceeds the bound of the precision; ``of`` says whose the expected ones are.
    """
    errors = [max(map(_difference, came, wanted)) for came, wanted in zip(seen, expected, strict=True)]
    bound = HALF_BOUND if precision in ("float16", "bfloat16") else BOUND
    if not max(errors) <= bound:
        listed = ", ".join(f"{error:.2g}" for error in errors)
        raise UserError(
            f"verify: outputs differ from {of} by {listed} of their deviation per exit, the bound is {bound}"
        )
    return errors


def verify_schedules(bundle: Path, inputs: Inputs, calibration: Predictions, options: ProfileOptions) -> None:
    """Loads a whole bundle and checks its schedules.

    1. The exits that ``infer`` takes are those of ``replay`` on the outputs that it saw.
    2. Every schedule leaves the calibration set as was stored, and cost and margin keep its budget.

    Raises:
        UserError: one of them does not hold.
    """
    runtime = _load(bundle, options)
    if runtime.schedule is not None:
        exits = np.array([runtime.infer(x).exit for x in _samples(inputs)])
        outputs = task_named(runtime.task).predictions.outputs_of(_outputs(runtime, inputs))
        differ = int((exits != eenet_rt.replay(outputs, runtime.schedule.exit_policy).exits).sum())
        if differ:
            raise UserError(f"verify: {differ} of {len(exits)} samples leave at other exits than in replay")
    for schedule in runtime.schedules:
        check_schedule(schedule, calibration)


def _load(bundle: Path, options: ProfileOptions) -> eenet_rt.Runtime:
    return eenet_rt.load(bundle, threads=options.threads, providers=[options.provider])


def _samples(inputs: Inputs) -> Iterator[Inputs]:
    for row in range(len(next(iter(inputs.values())))):
        yield {name: array[row, ...] for name, array in inputs.items()}


def runtime_outputs(bundle: Path, inputs: Inputs, options: ProfileOptions) -> Exits:
    """What every exit puts out by the runtime."""
    return _outputs(_load(bundle, options), inputs)


def _outputs(runtime: eenet_rt.Runtime, inputs: Inputs) -> Exits:
    last = runtime.num_exits - 1
    results = [runtime.infer(x, forced_exit=last, return_outputs=True).outputs for x in _samples(inputs)]
    samples = [outputs for outputs in results if outputs is not None]
    return [tuple(map(np.stack, zip(*exits, strict=True))) for exits in zip(*samples, strict=True)]


def _difference(seen: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    largest = float(np.abs(seen - expected).max())
    scale = max(float(expected.std()), _LEAST_SCALE * float(np.abs(expected).max()))
    return largest / scale if scale > 0 else float(largest > 0)
