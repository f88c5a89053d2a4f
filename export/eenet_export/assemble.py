"""From segments to a bundle: costs measured, schedules fitted, everything verified, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles import BundleContent, write_bundle
from eenet.bundles.bundle import listed_files
from eenet.bundles.writer import complete_bundle
from eenet.costs import CostProfile
from eenet.errors import ArgumentError, UserError, counted
from eenet.files import preparing, replacing_folder
from eenet.locks import all_undisturbed
from eenet.noise import Inputs
from eenet.outputs import check_replaceable
from eenet.policies.calibration import budget_range
from eenet.policies.grid import FIT_SHARE, combine_or_default, fit_schedules
from eenet.policies.registry import check_policy, settings_of
from eenet.prediction_checks import check_network, check_size, check_source, check_validation
from eenet.predictions import Predictions
from eenet.spending import mean_costs
from eenet.tasks.registry import task_named
from eenet.text import number
from eenet.workflows.profile import measure
from eenet.workflows.summary import exits_line, schedule_line, warn_of_accuracy, warn_of_margins, worth_lines
from eenet_export.options import ExportOptions, ExportResult, wanted_budgets
from eenet_export.verify import verify_schedules

Say = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """How what the runtime puts out compares with others.

    Attributes:
        outputs: the runtime's, of the samples, as `eenet_rt` takes them.
        reference: what they were compared with; None: nothing.
        errors: the largest difference of each exit, as a share of the deviation of its outputs.
    """

    outputs: Any
    reference: str | None
    errors: list[float]


@dataclass(frozen=True)
class Parts:
    """What a bundle is made of.

    Attributes:
        content: segments, and what the manifest says of them.
        static: the network without early exits, to be measured; None leaves its cost out.
        counted: costs that hold on every device.
        compare: takes a bundle of the segments and compares its logits of the samples; raises where they are too far
            from what they should be.
        real: whether the samples are ones that the predictions could be of.
    """

    content: BundleContent
    static: BundleContent | None
    counted: Sequence[CostProfile]
    compare: Callable[[Path], Comparison]
    real: bool = True


@dataclass(frozen=True)
class Halves:
    """Validation predictions, and the part of them that schedules are learned on.

    Attributes:
        validation: all of them.
        in_fit_set: bool ``(N,)``; the others set thresholds.
    """

    validation: Predictions
    in_fit_set: NDArray[np.bool_]

    @property
    def calibration_set(self) -> Predictions:
        return self.validation[~self.in_fit_set]


def check_before(
    validation: Predictions, shape: tuple[int, int], network: tuple[str, str | None], out: Path, options: ExportOptions
) -> Halves:
    """Refuses before the work what can be refused then, and halves the predictions.

    Args:
        validation: predictions of the network.
        shape: how many exits it has, and names of what they answer.
        network: its name and the id of its weights, None where that is not known.
        out: where the bundle is to go.
        options: how it is made.

    Raises:
        UserError: predictions of another network or too few, slices that there are not, places that cannot be written.
    """
    num_exits, num_names = shape
    name, weights = network
    for begin, end in options.slices:
        if not 0 <= begin < end <= num_exits or end - begin == num_exits:
            raise UserError(f"exits: got {begin}:{end}, expected some of 0:{num_exits}, not none and not all")
    if (validation.num_exits, len(validation.names)) != shape:
        raise UserError(f"predictions: got {validation.shape_text}, {name} has {num_exits} and {num_names}")
    settings_of([options.policy], options.settings)
    if weights is not None:
        check_network(validation, [weights], "validation predictions", f"this {name}")
    check_policy(options.policy, validation)
    combine_or_default(options.combine, validation)
    check_size(validation, "validation predictions")
    halves = Halves(validation, validation.split_mask(FIT_SHARE, options.seed))
    sets = [("fit", validation[halves.in_fit_set]), ("calibration", halves.calibration_set)]
    check_validation(validation, sets, "validation predictions")
    for path in (out, *_slices(out, options)):
        check_replaceable(path, folder=True)
    return halves


def check_budgets(counted_profiles: Sequence[CostProfile], halves: Halves, options: ExportOptions) -> None:
    """Refuses before the work budgets that cannot be met, of costs that are known: counted ones, or those of samples.

    Raises:
        UserError: there is one.
    """
    own = halves.validation.costs is not None
    for profile in counted_profiles:
        if own or profile.unit == options.unit:
            wanted_budgets(_possible(halves.calibration_set, profile.costs), options)


def assemble(parts: Parts, halves: Halves, inputs: Inputs, out: Path, options: ExportOptions, say: Say) -> ExportResult:
    """Measures, fits, writes and verifies.

    Args:
        parts: of the bundle.
        halves: of the validation predictions, by `check_before`.
        inputs: samples to measure and verify with, ``{name: (N, ...)}``.
        out: the folder ``NAME.eenet``; an existing bundle is replaced at the very end.
        options: what to export.
        say: takes one line for each step.

    Raises:
        UserError: infeasible budgets, failed verification.
    """
    content, calibration_set = parts.content, halves.calibration_set
    count = len(next(iter(inputs.values())))
    # Beside the output: what a killed run leaves there, the next one removes.
    with preparing(out, folder=True) as (_, measured):
        write_bundle(measured, content)
        compared = parts.compare(measured)
        say(f"verify: {counted(count, 'sample')}, {_difference(compared)}")
        if parts.real:
            check_source(halves.validation, compared.outputs, "validation predictions", counted(count, "sample"))
        profile = measure_bundle(measured, content.task, parts.static, inputs, options)
        without = "" if profile.static is None else f", without early exits {number(profile.static, 4)} ms"
        say(
            f"measure: exits at {' '.join(number(c, 4) for c in profile.costs)} ms{without} "
            f"({profile.provider}, {profile.threads} thread(s), median of {options.profile.repeats})"
        )
        profiles = [profile, *parts.counted]
        chosen = _chosen(profiles, options.unit)
        if calibration_set.costs is not None:
            # The runtime goes by one table: that of which budgets are shares, and which schedules were planned by.
            by_samples = _of_samples(chosen, calibration_set)
            profiles = [by_samples if each is chosen else each for each in profiles]
            chosen = by_samples
            say(
                f"costs: those of each sample, on average exits at {' '.join(number(c, 4) for c in chosen.costs)} "
                f"{chosen.unit}; they take the place of those of the network"
            )
        say(exits_line(calibration_set))
        schedules, active, skipped = _fit(halves, chosen.costs, options, say)
        for line in worth_lines(schedules, calibration_set, chosen.static):
            say(line)
        if chosen.static is None and calibration_set.costs is None:
            say("what exits save is known against full depth alone: there was no network without exits to measure")
        slices = _slices(out, options)
        with all_undisturbed(dict.fromkeys((out, *slices), True), say=say) as unchanged, ExitStack() as stack:

            def replaced(path: Path) -> Path:
                ours = listed_files(path).__contains__
                return stack.enter_context(replacing_folder(path, ours=ours, unchanged=unchanged[path]))

            folder = measured.rename(replaced(out))
            calibration = halves.validation, halves.in_fit_set
            complete_bundle(
                folder, content, profiles=profiles, schedules=schedules, active=active, calibration=calibration
            )
            verify_schedules(folder, inputs, calibration_set, options.profile)
            for path, part in slices.items():
                eenet_rt.slice_bundle(folder, *part, replaced(path))
    return ExportResult(
        out, list(content.parameters), profile, chosen.costs, schedules, active, skipped, compared.errors, count,
        calibration_set, list(slices),
    )  # fmt: skip


def _difference(compared: Comparison) -> str:
    if compared.reference is None:
        return "no logits given to compare with"
    listed = " ".join(f"{error:.1e}" for error in compared.errors)
    return f"largest difference from {compared.reference} per exit {listed} of the outputs' deviation"


def _slices(out: Path, options: ExportOptions) -> dict[Path, tuple[int, int]]:
    return {out.with_name(f"{out.stem}_{begin}-{end}{out.suffix}"): (begin, end) for begin, end in options.slices}


def measure_bundle(
    bundle: Path, task: str, static: BundleContent | None, inputs: Inputs, options: ExportOptions
) -> CostProfile:
    """What the exits cost, scored as schedules will; the network without exits is written beside the bundle, if any."""
    combined = combine_or_default(options.combine, task_named(task).predictions) != "none"
    if static is None:
        return measure(bundle, inputs, options.profile, combined=combined)
    static_bundle = bundle.with_name(f"without-exits-{bundle.name}")
    write_bundle(static_bundle, static)
    return measure(bundle, inputs, options.profile, combined=combined, static_bundle=static_bundle)


def _chosen(profiles: Sequence[CostProfile], unit: str) -> CostProfile:
    for profile in profiles:
        if profile.unit == unit:
            return profile
    raise ArgumentError("unit", f"got {unit}, expected one of {', '.join(profile.unit for profile in profiles)}")


def _of_samples(profile: CostProfile, calibration_set: Predictions) -> CostProfile:
    """What exits cost on average of samples that have costs of their own: means of the calibration set."""
    assert calibration_set.costs is not None
    means = mean_costs(calibration_set.costs, calibration_set.weights)
    return replace(profile, costs=tuple(means.tolist()), static=None, spread=None)


def _possible(calibration_set: Predictions, costs: tuple[float, ...]) -> tuple[float, float]:
    """Budgets that can be met: by the costs of each sample where there are such, else by these."""
    return budget_range(calibration_set.priced(costs if calibration_set.costs is None else None), calibration_set)


def _fit(
    halves: Halves, costs: tuple[float, ...], options: ExportOptions, say: Say
) -> tuple[list[eenet_rt.Schedule], int, list[float]]:
    """Schedules by budget, the index of the active one, and default budgets that cannot be met."""
    calibration_set, schedules = halves.calibration_set, []
    budgets, active, skipped = wanted_budgets(_possible(calibration_set, costs), options)
    given = costs if calibration_set.costs is None else None
    for schedule in fit_schedules(
        options.policy, halves.validation, given, budgets, unit=options.unit, seed=options.seed,
        combine=combine_or_default(options.combine, halves.validation), settings=options.settings,
    ):  # fmt: skip
        schedules.append(schedule)
        say(f"fit {schedule_line(schedule, calibration_set)}")
    warn_of_margins(schedules)
    warn_of_accuracy(schedules, calibration_set)
    return schedules, budgets.index(active), skipped
