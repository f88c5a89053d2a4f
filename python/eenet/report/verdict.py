"""The verdict: what the schedule does, in one sentence and a few numbers."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

import eenet_rt
from eenet.report.inputs import Inputs
from eenet.report.page import Number, Section
from eenet.report.style import number, policy_name

_MOST_IMAGES = 200
_WARM_UP = 10


@dataclass(frozen=True)
class WallTime:
    """What the runtime itself took on this machine.

    Attributes:
        images: how many ran.
        mean_ms: under the schedule.
        full_ms: at full depth.
        same_exits: images that left where the replay on the given logits has them leave.
        device: this machine.
        threads: of the runtime.
    """

    images: int
    mean_ms: float
    full_ms: float
    same_exits: int
    device: str
    threads: int


def measure_wall_time(inputs: Inputs) -> WallTime | str:
    """Runs some of the images through the runtime; says why not where it cannot.

    Raises:
        eenet_rt.BundleError: the bundle is damaged.
    """
    if inputs.images is None:
        return "no images were given"
    threads = inputs.bundle.profile(inputs.schedule).threads or 1
    try:
        with warnings.catch_warnings():
            # A device that no profile is of takes no budget in ms; a policy runs there all the same.
            warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
            runtime = eenet_rt.load(inputs.bundle.files.folder, threads=threads)
    except eenet_rt.BackendError as error:
        return str(error)
    rows = np.linspace(0, len(inputs.report) - 1, min(_MOST_IMAGES, len(inputs.report))).round().astype(np.int64)
    x = inputs.bundle.preprocessing(inputs.images.images[rows])
    for sample in x[:_WARM_UP]:
        runtime.infer(sample, policy=None)
    early, full = [], []
    for sample in x:  # in turn, so that both meet the same state of the machine
        early.append(runtime.infer(sample, policy=inputs.policy))
        full.append(runtime.infer(sample, policy=None).latency_ms)
    same = int((np.array([r.exit for r in early]) == inputs.outcome.exits[rows]).sum())
    mean = float(np.mean([r.latency_ms for r in early]))
    return WallTime(len(rows), mean, float(np.mean(full)), same, eenet_rt.device_name(), threads)


def verdict_sentence(inputs: Inputs) -> str:
    """The sentence at the top of the page."""
    schedule, outcome = inputs.schedule, inputs.outcome
    kept = "keeps" if outcome.mean_cost <= schedule.budget else "overspends"
    full = inputs.exit_accuracy[-1]
    return (
        f"With {policy_name(schedule.policy)}, {inputs.bundle.model} {kept} its budget of {number(schedule.budget)} "
        f"{schedule.unit} a sample: {100 * outcome.accuracy:.2f} % of {len(inputs.report):,} samples right for "
        f"{number(outcome.mean_cost)} {schedule.unit} on average, where full depth has {100 * full:.2f} % for "
        f"{number(inputs.costs[-1])} {schedule.unit}."
    )


def verdict_section(inputs: Inputs, wall: WallTime | str) -> Section:
    """Numbers by the cost table, and those measured while the report was made."""
    schedule, outcome, unit = inputs.schedule, inputs.outcome, inputs.unit
    full_accuracy = float(inputs.exit_accuracy[-1])
    half = 1.96 * math.sqrt(outcome.accuracy * (1 - outcome.accuracy) / len(inputs.report))
    spent = outcome.mean_cost / schedule.budget
    numbers = [
        Number(
            f"{100 * outcome.accuracy:.2f} %", "accuracy",
            f"± {100 * half:.2f} (95 %); full depth {100 * full_accuracy:.2f} %, so "
            f"{100 * (outcome.accuracy - full_accuracy):+.2f} points",
        ),
        Number(
            f"{number(outcome.mean_cost)} {unit}", f"mean {'latency' if unit == 'ms' else 'cost'} by the cost table",
            f"{100 * spent:.1f} % of the budget of {number(schedule.budget)} {unit}: "
            f"{'kept' if spent <= 1 else 'overspent'}",
        ),
        Number(
            f"{inputs.costs[-1] / outcome.mean_cost:.2f} ×", "speed-up over full depth", "by the cost table",
        ),
    ]  # fmt: skip
    if inputs.static_cost is not None:
        numbers.append(
            Number(
                f"{inputs.static_cost / outcome.mean_cost:.2f} ×",
                "speed-up over the static network",
                f"without early exits it costs {number(inputs.static_cost)} {unit}",
            )
        )
    if isinstance(wall, WallTime):
        numbers.append(
            Number(
                f"{number(wall.mean_ms)} ms",
                "wall time, measured now",
                f"{wall.images} images through the runtime; full depth {number(wall.full_ms)} ms, "
                f"{wall.full_ms / wall.mean_ms:.2f} × as long",
            )
        )
    return Section("verdict", "Verdict", _lead(inputs, wall), numbers)


def _lead(inputs: Inputs, wall: WallTime | str) -> str:
    device = inputs.bundle.profile(inputs.schedule).device
    measured = f" The table was measured on {device} when the bundle was made." if device else ""
    lead = f"By the cost table, every report sample counts what its exit costs.{measured}"
    if not isinstance(wall, WallTime):
        return f"{lead} Wall time was not measured for this report: {wall}."
    return (
        f"{lead} Wall time is what the runtime took for {wall.images} of the images while this report was made, on "
        f"{wall.device} with {wall.threads} thread(s), beside whatever else ran there; {wall.same_exits} of them left "
        "where the logged logits say."
    )
