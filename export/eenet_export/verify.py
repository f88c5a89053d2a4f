"""Checks a written bundle against the network that it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.models import MultiExitNetwork
from eenet.predictions import Predictions
from eenet.profiling import ProfileOptions
from eenet.scheduling.calibration import check_schedule

LOGIT_BOUND = 1e-3


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        samples: real inputs that ran through both.
        max_error: largest absolute difference of a logit, per exit.
        same_exits: samples whose live exit is the one that replaying the same logits gives: all of them.
    """

    samples: int
    max_error: list[float]
    same_exits: int


def verify(
    bundle: Path,
    network: MultiExitNetwork,
    inputs: NDArray[np.float32],
    calibration: Predictions,
    options: ProfileOptions,
) -> Verification:
    """Loads the bundle and compares.

    1. Every exit's logits against PyTorch on real inputs ``(N, ...)``: the largest difference must not exceed
       `LOGIT_BOUND`.
    2. The exits that ``infer`` takes are those of ``replay`` on the logits that it saw.
    3. Every schedule leaves the calibration set as was stored, and cost and margin keep its budget.

    Raises:
        UserError: one of them does not hold.
    """
    runtime = eenet_rt.load(bundle, threads=options.threads, providers=[options.provider])
    last = runtime.num_exits - 1
    results = [runtime.infer(x, forced_exit=last, return_logits=True) for x in inputs]
    seen = np.stack([result.logits for result in results if result.logits is not None])
    with torch.inference_mode():
        expected = torch.stack(network.eval()(torch.from_numpy(inputs)), dim=1).numpy()
    error = np.abs(seen - expected).max(axis=(0, 2))
    if not (error <= LOGIT_BOUND).all():
        raise UserError(
            f"verify: logits differ from PyTorch's by {error.tolist()} per exit, the bound is {LOGIT_BOUND}"
        )
    same = _check_exits(runtime, inputs, seen)
    for schedule in runtime.schedules:
        check_schedule(schedule, calibration)
    return Verification(len(inputs), [float(e) for e in error], same)


def _check_exits(runtime: eenet_rt.Runtime, inputs: NDArray[np.float32], logits: NDArray[np.float32]) -> int:
    if runtime.schedule is None:
        return len(inputs)
    exits = np.array([runtime.infer(x).exit for x in inputs])
    same = int((exits == eenet_rt.replay(logits, runtime.schedule.exit_policy).exits).sum())
    if same != len(inputs):
        raise UserError(f"verify: {len(inputs) - same} of {len(inputs)} samples leave at other exits than in replay")
    return same
