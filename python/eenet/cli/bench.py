"""``eenet-bench``: the times of a bundle on this device."""

from __future__ import annotations

import argparse
import logging
import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import eenet_rt
from eenet.budgets import BUDGET_HELP, Budget, parse_budget, within_budget
from eenet.bundles.bundle import Bundle, reading
from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, check_counts, run_command
from eenet.cli.option_types import number
from eenet.costs import CostProfile
from eenet.errors import UserError
from eenet.files import open_npz
from eenet.noise import Inputs
from eenet.progress import Progress
from eenet.text import signed
from eenet.workflows.bench import (
    BatchTimes,
    Effort,
    ExitTimes,
    measure_batches,
    measure_exits,
    pays_from,
    planned_policy,
)
from eenet.workflows.profile import PROVIDERS, MachineLoad, doubt, noise_inputs
from eenet_rt._core import MANIFEST

_NOISE_SAMPLES = 128
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _bench, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "eenet-bench",
        "Time the exits of a bundle and its batches on this device, and tell from which batch size exiting pays.",
    )
    parser.add_argument("bundle", type=Path, help="folder written by eenet-export")
    parser.add_argument(
        "--inputs", type=Path, metavar="FILE",
        help="preprocessed samples, .npz with an array (N, ...) for each input (default: noise that leaves as the "
        "calibration samples did)",
    )  # fmt: skip
    parser.add_argument(
        "--budget", type=parse_budget, metavar="B",
        help=f"time the schedule with the largest budget up to {BUDGET_HELP} (default: the active one)",
    )  # fmt: skip
    parser.add_argument(
        "--batch", type=int, nargs="+", action="extend", metavar="N",
        help=f"sizes of batches (default: {' '.join(map(str, _SIZES))})",
    )  # fmt: skip
    parser.add_argument("--provider", choices=PROVIDERS, default="cpu", help="to time (default: cpu)")
    parser.add_argument("--threads", type=int, default=1, help="of the runtime")
    parser.add_argument("--repeats", type=int, default=200, help="timed runs of each exit and batch size, at most")
    parser.add_argument(
        "--seconds", type=number("seconds, as 10"), default=10.0, metavar="S",
        help="runs of one batch size end after so long, when there are at least ten",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _bench(arguments: argparse.Namespace) -> None:
    check_counts(arguments, "threads", "repeats")
    if not 0 < arguments.seconds < math.inf:
        raise UserError(f"--seconds: got {arguments.seconds:g}, expected a number above 0")
    machine = MachineLoad.now()
    bundle = Bundle.open(arguments.bundle)
    bundle.require_whole()
    if machine.busy(arguments.threads):
        _log.warning("%s: other work runs beside, and makes times longer than they are", machine)
    with warnings.catch_warnings():
        # That no profile fits is what this command is for.
        warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
        runtime = eenet_rt.load(arguments.bundle, threads=arguments.threads, providers=[arguments.provider])
    sizes = sorted(set(arguments.batch or _SIZES))
    if sizes[0] < 1 or sizes[-1] > runtime.max_batch:
        wrong = sizes[0] if sizes[0] < 1 else sizes[-1]
        raise UserError(f"--batch: got {wrong}, expected 1 to {runtime.max_batch}")
    schedule = _schedule(runtime, arguments.budget)
    if arguments.inputs is None:
        with reading(bundle.folder / MANIFEST):
            inputs = noise_inputs(bundle.manifest, _NOISE_SAMPLES)
        policy = planned_policy(runtime, inputs, schedule)
    else:
        inputs, policy = _read_inputs(arguments.inputs, runtime), schedule.exit_policy
    effort = Effort(arguments.repeats, arguments.seconds)
    with Progress("time", Effort.STEPS * (1 + len(sizes)), "steps") as progress:
        exits = measure_exits(runtime, inputs, effort, progress)
        batches = measure_batches(runtime, inputs, policy, sizes, effort, progress)
    _compare_with_profile(bundle, arguments, exits)
    if arguments.json:
        print_json(_as_json(arguments.bundle, runtime, schedule, exits, batches) | {"machine": vars(machine)})
    else:
        _print(arguments.bundle, runtime, schedule, exits, batches)


def _compare_with_profile(bundle: Bundle, arguments: argparse.Namespace, exits: ExitTimes) -> None:
    with reading(bundle.folder / MANIFEST):
        here = CostProfile.of_this_device((), arguments.threads, bundle.precision, provider=arguments.provider)
        profile = here.found_in(bundle.profiles)
    reason = None if profile is None else doubt(profile, exits.p50_ms[-1])
    if reason is not None:
        _log.warning("%s", reason)


def _schedule(runtime: eenet_rt.Runtime, budget: Budget | None) -> eenet_rt.Schedule:
    schedules = runtime.schedules
    if not schedules:
        raise UserError("the bundle has no schedules, so there are no early exits to time")
    if budget is None:
        return runtime.schedule or schedules[0]
    # By the budgets they were made for: this device may have no costs yet.
    return schedules[within_budget(schedules, budget)]


def _read_inputs(path: Path, runtime: eenet_rt.Runtime) -> Inputs:
    with open_npz(path) as archive:
        if archive.keys != set(runtime.inputs):
            raise UserError(
                f"holds {', '.join(sorted(archive.keys)) or 'nothing'}, expected {', '.join(runtime.inputs)}"
            )
        inputs = {name: archive[name] for name in runtime.inputs}
        for name, array in inputs.items():
            if array.ndim == 0:
                raise UserError(f"{name}: got a single number, expected samples along the first axis")
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1 or 0 in counts:
        raise UserError(f"{path}: arrays of {sorted(counts)} samples, expected the same number, at least 1")
    return inputs


def _as_json(
    path: Path,
    runtime: eenet_rt.Runtime,
    schedule: eenet_rt.Schedule,
    exits: ExitTimes,
    batches: Sequence[BatchTimes],
) -> dict[str, object]:
    return {
        "bundle": str(path),
        "device": eenet_rt.device_name(),
        "provider": runtime.provider,
        "provider_version": runtime.provider_version,
        "threads": runtime.threads,
        "budget": schedule.budget,
        "unit": schedule.unit,
        "exits": asdict(exits),
        "batches": [asdict(batch) for batch in batches],
        "pays_from_batch": pays_from(batches),
    }


def _print(
    path: Path,
    runtime: eenet_rt.Runtime,
    schedule: eenet_rt.Schedule,
    exits: ExitTimes,
    batches: Sequence[BatchTimes],
) -> None:
    print(f"{path.name}: {runtime.provider_version}, {runtime.threads} thread(s), {eenet_rt.device_name()}")
    print(f"exit    p50 ms    p90 ms    p99 ms   of {exits.runs} runs")
    for k, times in enumerate(zip(exits.p50_ms, exits.p90_ms, exits.p99_ms, strict=True)):
        print(f"{k:>4}", *(f"{ms:>9.4g}" for ms in times))
    print(f"outside the inference library: {exits.outside_us:.1f} us per exit")
    print(
        f"batches, schedule for {schedule.budget:.4g} {schedule.unit}; ms per sample, what deciding after an exit "
        "takes, and what each segment saves"
    )
    segments = range(1, runtime.num_exits)
    print("batch  runs     early      full  speed-up   deciding ", *(f"segment {k}" for k in segments))
    for b in batches:
        saved = (f"{signed(b.saved_ms[k] / b.size, b.full_ms / b.size):>9}" for k in segments)
        print(
            f"{b.size:>5} {b.runs:>5} {b.early_ms / b.size:>9.4g} {b.full_ms / b.size:>9.4g}"
            f" {b.speed_up:>8.2f}x {b.decision_ms / b.size:>10.4g} ",
            *saved,
        )
    print(f"exiting early {_verdict(batches)}")


def _verdict(batches: Sequence[BatchTimes]) -> str:
    """Where exiting early pays, by the speed-ups of the table."""
    size = pays_from(batches)
    if size is not None:
        return f"pays from batches of {size} on" if size > batches[0].size else "pays at all of these sizes"
    paying = [str(batch.size) for batch in batches if batch.pays]
    if paying:
        return f"pays at batches of {', '.join(paying)}, and not at larger ones"
    longer = sorted({max(0, round(100 * (batch.early_ms / batch.full_ms - 1))) for batch in batches})
    by = f"{longer[0]} to {longer[-1]} %" if len(longer) > 1 else f"{longer[0]} %"
    return f"pays at none of these sizes: it takes {by} longer than full depth"


if __name__ == "__main__":
    sys.exit(main())
