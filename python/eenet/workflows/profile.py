"""Measures the cost of each exit with the runtime itself, in a process of its own.

The process holds no PyTorch and no other copy of ONNX Runtime, whose threads would disturb the figures.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt
from eenet.bundles.bundle import Bundle
from eenet.costs import CostProfile
from eenet.errors import UserError
from eenet.files import naming
from eenet.noise import Inputs, noise
from eenet.text import number

# What a measured profile may be for: the names that eenet_rt.load takes.
PROVIDERS = tuple(eenet_rt.provider_names())

_ERROR = "measure: error: "  # how the measuring process begins its message
_WARM_UP = 20
_NOISE_SAMPLES = 8
_LITTLE_LOAD = 0.3
MOST_APART = 1.5  # times, of the costs by the clock and by a table on the machine of the table
_ANEW = "`eenet-schedule refit BUNDLE --measure --budget 65%`, with the budgets of yours"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MachineLoad:
    """What else a machine does.

    Attributes:
        load: processes that had or wanted a core, mean of the last minute (load average).
        cores: that this process may use.
    """

    load: float
    cores: int

    @classmethod
    def now(cls) -> MachineLoad:
        """Before anything is measured, for what is measured is load as well."""
        return cls(os.getloadavg()[0], len(os.sched_getaffinity(0)))

    def busy(self, threads: int) -> bool:
        """Whether work beside so many threads leaves them less than all of their cores."""
        return self.load + threads > self.cores + _LITTLE_LOAD

    def __str__(self) -> str:
        return f"load average {self.load:.1f} on {self.cores} core(s)"


@dataclass(frozen=True)
class ProfileOptions:
    """How to measure.

    Attributes:
        threads: of the runtime.
        repeats: runs of each exit; the cost is their median.
        provider: one of `PROVIDERS`, with its default options.
    """

    threads: int = 1
    repeats: int = 300
    provider: str = "cpu"


def measure(
    bundle: Path, inputs: Inputs, options: ProfileOptions, *, combined: bool = False, static_bundle: Path | None = None
) -> CostProfile:
    """Median time of ``infer`` forced to each exit, heads and scoring included, made non-decreasing, in milliseconds.

    Args:
        bundle: whose exits to measure; the scores that are timed are those of its active schedule or, where there is
            none, linear ones.
        inputs: samples, ``{name: (N, ...)}``; runs go through them in turn.
        options: how to measure.
        combined: where there is no active schedule, whether exits combine what those before them said.
        static_bundle: the network without early exits, as a bundle of one segment; None leaves its cost out.

    Raises:
        UserError: the measuring process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "inputs.npz"
        arrays: dict[str, Any] = {**inputs}  # numpy's stubs take any keyword for its one option
        with naming(samples):
            np.savez(samples, **arrays)
        command = [sys.executable, "-m", "eenet.cli.measure", str(samples), str(options.threads)]
        command += [
            str(options.repeats),
            options.provider,
            "combined" if combined else "alone",
            *(str(path) for path in (bundle, static_bundle) if path is not None),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        # The last line is the error, be it one that the process knows or the end of a traceback.
        reason = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        raise UserError(f"{bundle.name} cannot be measured: {reason.removeprefix(_ERROR)}")
    medians, fast = json.loads(done.stdout)
    # Where runs differ, it is not for what they compute: they take the same way through the network every time.
    spread = float(np.max(np.divide(medians, fast)))
    static = None if static_bundle is None else medians.pop()
    costs = np.maximum.accumulate(medians).tolist()
    profile = CostProfile.of_this_device(
        costs, options.threads, Bundle.open(bundle).precision, static=static, provider=options.provider
    )
    profile = replace(profile, spread=round(spread, 2))
    warn_if_unsteady(profile, "measure")
    return profile


def warn_if_unsteady(profile: CostProfile, what: str) -> None:
    """Says that costs were measured on a busy machine, and how to measure them anew; ``what`` begins the message."""
    if profile.unsteady:
        _log.warning(
            "%s: medians are up to %.2f times the fastest tenth of the same runs: other work ran beside them; costs "
            "and budgets in ms are those of a busy machine, measure again on a quiet one: %s",
            what, profile.spread, _ANEW,
        )  # fmt: skip


def doubt(profile: CostProfile, full_ms: float) -> str | None:
    """What speaks against the costs of a bundle's profile, and how to measure them anew; None: nothing.

    Args:
        profile: of this device, in ms.
        full_ms: median time of full depth, measured now.
    """
    costs = f"full depth costs {number(profile.costs[-1])} ms by the bundle's profile of this device"
    if not profile.costs[-1] / MOST_APART <= full_ms <= profile.costs[-1] * MOST_APART:
        costs += f", and takes {number(full_ms)} ms now"
    elif profile.unsteady:
        costs += ", which was measured while other work ran"
    else:
        return None
    return f"{costs}: its budgets in ms may not hold; measure again on a quiet machine: {_ANEW}"


def noise_inputs(manifest: dict[str, Any], samples: int = _NOISE_SAMPLES) -> Inputs:
    """Seeded samples in the shapes of a manifest, free dimensions at their maxima.

    They do for measuring: forced to an exit, a network takes the same time whatever it sees.

    Raises:
        KeyError, TypeError, ValueError: the manifest is malformed.
    """
    tensors = {name: manifest["tensors"][name] for name in manifest["inputs"]}
    shapes = {
        name: tuple(d if isinstance(d, int) else manifest["symbols"][d]["max"] for d in tensor["shape"][1:])
        for name, tensor in tensors.items()
    }
    return noise(shapes, {name: tensor["dtype"] for name, tensor in tensors.items()}, samples)


def measure_here(
    samples: str, threads: int, repeats: int, provider: str, combined: bool, *bundles: str
) -> list[list[float]]:
    """Medians and 10 % quantiles in milliseconds: of each exit of the first bundle, of full depth of the others."""
    exits, *whole = (eenet_rt.load(bundle, threads=threads, providers=[provider]) for bundle in bundles)
    if exits.schedule is None:
        policy = linear_policy(Bundle.open(Path(bundles[0])), combined=combined)
    else:
        policy = exits.schedule.exit_policy
    with np.load(samples) as file:
        inputs = {name: np.ascontiguousarray(file[name]) for name in file.files}
    count = len(next(iter(inputs.values())))
    times = np.zeros((_WARM_UP + repeats, exits.num_exits + len(whole)))
    for i in range(len(times)):
        sample = {name: array[i % count, ...] for name, array in inputs.items()}
        # Interleaved, so that a change of the clock or of the load meets all exits alike.
        for k in range(exits.num_exits):
            times[i, k] = exits.infer(sample, policy=policy, forced_exit=k).latency_ms
        for j, runtime in enumerate(whole, start=exits.num_exits):
            times[i, j] = runtime.infer(sample, policy=None).latency_ms
    quantiles: list[list[float]] = np.quantile(times[_WARM_UP:], (0.5, 0.1), axis=0).tolist()
    return quantiles


def linear_policy(bundle: Bundle, *, combined: bool) -> eenet_rt.ExitPolicy:
    """A policy that costs what fitted ones do: every exit but the last has a linear score of all its inputs.

    Args:
        bundle: of the network.
        combined: whether exits combine what those before them said.
    """
    num_exits, inputs = bundle.num_exits, [features + k for k, features in enumerate(bundle.num_features)]
    scorers = [(np.ones((1, count), np.float32), np.zeros(1, np.float32)) for count in inputs[:-1]]
    combiner = (
        np.tril(np.ones((num_exits, num_exits), np.float32)),
        np.zeros((num_exits, len(bundle.names)), np.float32),
    )
    # An exit whose threshold is infinite is not scored.
    thresholds = [0.0] * num_exits
    return eenet_rt.ExitPolicy(bundle.num_features, scorers, thresholds, combiner=combiner if combined else None)
