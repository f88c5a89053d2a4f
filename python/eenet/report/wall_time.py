"""What the clock says on the machine that makes the report."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.bundle import reading
from eenet.data.arrays import ArraySet
from eenet.errors import UserError
from eenet.policies.calibration import Floats
from eenet.report.inputs import Inputs
from eenet.workflows.profile import MachineLoad, noise_inputs
from eenet_rt._core import MANIFEST

CLOCK_PROVIDER = "cpu"
_SAMPLES = 100
_WARM_UP = 5
_MOST_SPREAD = 0.2  # quartiles of an exit's times apart, as a share of their median, on a machine left alone
_MOST_APART = 0.02  # outputs seen and logged, as a share of the deviation of the logged ones

_Sample = NDArray[np.float32] | dict[str, Any]  # of one input, or of several by name


@dataclass(frozen=True)
class WallTime:
    """What the runtime took.

    Attributes:
        exits_ms: K means of leaving at each exit.
        mean_ms: of these, at the exit shares of the report set.
        samples: how many ran to each exit.
        reported: how many of them were samples of the report; the others are noise, which takes as long.
        same_exits: of these, how many left where the replay on the given outputs has them leave.
        device: this machine.
        threads: of the runtime.
        machine: what ran beside before the report began.
        spread: distance of the quartiles of an exit's times as a share of their median, that of the worst exit.
    """

    exits_ms: Floats
    mean_ms: float
    samples: int
    reported: int
    same_exits: int
    device: str
    threads: int
    machine: MachineLoad
    spread: float

    @property
    def full_ms(self) -> float:
        """Mean of full depth."""
        return float(self.exits_ms[-1])

    def to_json(self) -> dict[str, Any]:
        """All of it, of types that JSON has."""
        return vars(self) | {"exits_ms": self.exits_ms.tolist(), "full_ms": self.full_ms, "machine": vars(self.machine)}

    @property
    def disturbed(self) -> str:
        """Why long times may be those of other work on the machine; empty where nothing says so."""
        reasons = [str(self.machine)] if self.machine.busy(self.threads) else []
        if self.spread > _MOST_SPREAD:
            reasons.append(
                f"the middle half of the times of an exit spreads over {100 * self.spread:.0f} % of their median"
            )
        return " and ".join(reasons)


def measure_wall_time(inputs: Inputs, machine: MachineLoad) -> WallTime | str:
    """Runs samples through the runtime to every exit in turn; says why not where it cannot.

    Args:
        inputs: what is reported on.
        machine: what ran beside before the report began, which is load as well.

    Raises:
        UserError: what exits say of the samples is not what the predictions have.
        eenet_rt.BundleError: the bundle is damaged.
    """
    threads = inputs.bundle.profile(inputs.schedule).threads or 1
    try:
        with warnings.catch_warnings():
            # A device that no profile is of takes no budget in ms; a policy runs there all the same.
            warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
            runtime = eenet_rt.load(inputs.bundle.files.folder, threads=threads, providers=[CLOCK_PROVIDER])
    except eenet_rt.BackendError as error:
        return str(error)
    rows, samples = _samples(inputs)
    for sample in samples[:_WARM_UP]:
        runtime.infer(sample, policy=None)
    exits = range(runtime.num_exits)
    # In turn, so that all exits meet the same state of the machine.
    times = [[runtime.infer(sample, forced_exit=k).latency_ms for k in exits] for sample in samples]
    exits_ms: Floats = np.maximum.accumulate(np.mean(times, axis=0))
    low, median, high = np.quantile(times, (0.25, 0.5, 0.75), axis=0)
    same = _check_samples(inputs, runtime, rows, samples[: len(rows)])
    mean = float(exits_ms @ inputs.outcome.exit_shares)
    return WallTime(
        exits_ms, mean, len(samples), len(rows), same, eenet_rt.device_name(), threads, machine,
        float(((high - low) / median).max()),
    )  # fmt: skip


def _samples(inputs: Inputs) -> tuple[NDArray[np.int64], list[_Sample]]:
    """Rows of the report set, none without samples of it; and what to run."""
    if inputs.samples is None:
        with reading(inputs.bundle.files.folder / MANIFEST):
            noise = noise_inputs(inputs.bundle.files.manifest, _SAMPLES)
        return np.zeros(0, np.int64), [{name: array[i] for name, array in noise.items()} for i in range(_SAMPLES)]
    count = min(_SAMPLES, len(inputs.report))
    rows = np.linspace(0, len(inputs.report) - 1, count).round().astype(np.int64)
    if isinstance(inputs.samples, ArraySet):
        return rows, list(inputs.samples.inputs[rows])
    assert inputs.bundle.preprocessing is not None  # or there were no images
    return rows, list(inputs.bundle.preprocessing(inputs.samples.images[rows]))


def _check_samples(
    inputs: Inputs, runtime: eenet_rt.Runtime, rows: NDArray[np.int64], samples: Sequence[_Sample]
) -> int:
    """How many samples leave where they should; refuses outputs that are of another network or other samples."""
    if len(rows) == 0:
        return 0
    last = runtime.num_exits - 1
    results = [runtime.infer(x, forced_exit=last, return_outputs=True) for x in samples]
    seen = np.array([[exit_[0] for exit_ in result.outputs] for result in results if result.outputs is not None])
    terms = inputs.terms
    logged = inputs.report.arrays()[terms.outputs][rows]
    apart = np.abs(seen - logged).max(axis=(1, 2)) / np.maximum(logged.std(), 1e-12)
    others = int((apart > _MOST_APART).sum())
    if others > len(rows) / 2:
        source = inputs.sources.get("images", inputs.sources["predictions"])
        raise UserError(
            f"{inputs.sources['predictions']}: the bundle gives other {terms.outputs} for {others} of {len(rows)} "
            f"{terms.sample}s of {source}, expected predictions of this network on these {terms.sample}s"
        )
    exits = np.array([runtime.infer(x, policy=inputs.policy).exit for x in samples])
    return int((exits == inputs.outcome.exits[rows]).sum())
