"""Fits the schedules of a bundle anew on the device that runs it: no PyTorch, no images, no weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import eenet_rt
from eenet.budgets import Budget, feasible_budgets
from eenet.bundles.bundle import Bundle, file_entry, listed_files, reading, save_manifest
from eenet.bundles.calibration import parse_calibration
from eenet.bundles.schedules import save_schedules
from eenet.costs import CostProfile
from eenet.errors import Argument, ArgumentError, UserError, counted
from eenet.files import replacing_folder
from eenet.locks import all_undisturbed
from eenet.outputs import check_replaceable
from eenet.policies.calibration import Floats, budget_range, check_schedule
from eenet.policies.registry import create_scheduler
from eenet.prediction_checks import check_predictions
from eenet.predictions import Predictions
from eenet.spending import check_costs, mean_costs
from eenet.text import number
from eenet.workflows.profile import ProfileOptions, measure, noise_inputs, warn_if_unsteady
from eenet.workflows.summary import (
    budget_text,
    exits_line,
    schedule_line,
    warn_of_accuracy,
    warn_of_margins,
    worth_lines,
)
from eenet_rt._core import CALIBRATION, MANIFEST, SCHEDULES

_ROUNDED = 1e-9  # by which weighted means of a file that was read back may differ


@dataclass(frozen=True)
class RefitOptions:
    """What to refit to.

    Attributes:
        budgets: at least one, the first one active; in the unit, or as shares of full cost, as ``"65%"``.
        budget_ms: they are meant in ms, and refused where the unit is another.
        unit: ``ms``, ``flops`` or ``params``; None: that of the bundle's schedules.
            Operations and parameters were counted at export.
        costs: K costs of this device in ms; None: those of the bundle's profile, measured where it has none that fits.
        measure: measure even so; like given costs, only where the unit is ms.
        profile: how to measure; its threads and provider are part of the key of a profile.
    """

    budgets: tuple[Budget, ...]
    budget_ms: bool = False
    unit: str | None = None
    costs: tuple[float, ...] | None = None
    measure: bool = False
    profile: ProfileOptions = field(default_factory=ProfileOptions)


@dataclass(frozen=True)
class RefitResult:
    """What came of it; ``active`` is an index into the schedules, which are in the order of budgets."""

    bundle: Path
    profile: CostProfile
    schedules: list[eenet_rt.Schedule]
    active: int
    calibration_set: Predictions


def refit_bundle(path: Path, out: Path | None, options: RefitOptions, say: Callable[[str], None]) -> RefitResult:
    """Writes a bundle with the schedules of another for other costs and budgets: complete and checked, or not at all.

    Args:
        path: the bundle.
        out: the folder to write, a new one or another bundle; None replaces ``path``.
        options: what to refit to.
        say: takes one line for each step.

    Raises:
        UserError: not a bundle, or one that cannot be refitted; costs or budgets that do not fit.
        eenet_rt.EenetError: the bundle is damaged.
    """
    folder = path.resolve()
    Bundle.open(folder).require_whole()
    target = folder if out is None else out.resolve()
    if target.is_dir() and not (target / MANIFEST).is_file():
        raise UserError(f"{out} is there and is no bundle; expected a new name or a bundle to replace")
    check_replaceable(target, folder=True)
    with all_undisturbed({folder: False, target: True}, say=say) as unchanged:
        return _refit_undisturbed(Bundle.open(folder), target, options, say, unchanged[target])


def _refit_undisturbed(
    bundle: Bundle, target: Path, options: RefitOptions, say: Callable[[str], None], unchanged: Callable[[], bool]
) -> RefitResult:
    fitted = _read_schedules(bundle)
    unit = _unit(fitted, options)
    fit_set, calibration_set = _read_calibration(bundle)
    for part, samples in (("fit", fit_set), ("calibration", calibration_set)):
        check_predictions(samples, f"{bundle.folder.name}: {part} set")
    say(exits_line(calibration_set))
    before = fitted[0].unit
    say(f"unit: {unit}" + ("" if unit == before else f"; that of the schedules was {before}"))
    profile = _profile(bundle, options, say, target) if unit == "ms" else _counted_profile(bundle, unit, say)
    costs = check_costs(profile.costs, bundle.num_exits)
    if calibration_set.costs is not None and not _are_means(costs, calibration_set):
        say("costs: those of each calibration sample are of another unit or device, so all cost what was said above")
        fit_set, calibration_set = fit_set.with_costs(None), calibration_set.with_costs(None)
    given = costs if calibration_set.costs is None else None
    wanted = feasible_budgets(options.budgets, budget_range(calibration_set.priced(given), calibration_set), unit)
    budgets = _in_order(wanted)
    schedules = []
    for budget in budgets:
        schedules.append(_refit(fitted, fit_set, calibration_set, costs, unit, budget))
        say(f"refit {schedule_line(schedules[-1], calibration_set)}")
    for line in worth_lines(schedules, calibration_set, profile.static):
        say(line)
    if target == bundle.folder:
        budgets_before = ", ".join(budget_text(schedule) for schedule in fitted)
        say(f"these take the place of the bundle's {counted(len(fitted), 'schedule')}: {budgets_before}")
    warn_of_margins(schedules)
    warn_of_accuracy(schedules, calibration_set)
    active = budgets.index(wanted[0])
    with replacing_folder(target, ours=listed_files(target).__contains__, unchanged=unchanged) as folder:
        _copy(bundle, folder, link=target == bundle.folder)
        spec = bundle.task.predictions.feature_spec
        save_schedules(folder / SCHEDULES, schedules, network=bundle.id, active=active, feature_spec=spec)
        _save_manifest(bundle, folder, profile)
        _check(folder, calibration_set, options.profile, (wanted[0], unit), say)
    return RefitResult(target, profile, schedules, active, calibration_set)


def _are_means(costs: Floats, calibration_set: Predictions) -> bool:
    """Whether this is what calibration samples cost on average by their own costs."""
    assert calibration_set.costs is not None
    return np.allclose(mean_costs(calibration_set.costs, calibration_set.weights), costs, rtol=_ROUNDED, atol=0)


def _read_schedules(bundle: Bundle) -> list[eenet_rt.Schedule]:
    file = eenet_rt.parse_schedules(bundle.read(SCHEDULES))
    if (file.network, file.num_features) != (bundle.id, bundle.num_features) or not file.schedules:
        raise UserError(
            f"{bundle.folder}: {SCHEDULES}: {len(file.schedules)} schedules of network {file.network} for exits of "
            f"{file.num_features} features came, at least one of {bundle.id} for {bundle.num_features} expected"
        )
    return file.schedules


def _read_calibration(bundle: Bundle) -> tuple[Predictions, Predictions]:
    data = bundle.read(CALIBRATION)
    try:
        fit_set, calibration_set = parse_calibration(data, bundle.task, bundle.names, bundle.manifest)
    except UserError as error:
        raise UserError(f"{bundle.folder}: {CALIBRATION}: {error}") from error
    if fit_set.num_exits != bundle.num_exits:
        raise UserError(
            f"{bundle.folder}: {CALIBRATION}: predictions of {fit_set.num_exits} exits came, "
            f"{bundle.num_exits} expected by the manifest"
        )
    return fit_set, calibration_set


def _unit(fitted: Sequence[eenet_rt.Schedule], options: RefitOptions) -> str:
    """The unit to refit in; refuses what is in ms where that is another."""
    unit = options.unit or fitted[0].unit
    if unit == "ms":
        return unit
    came = {"budget_ms": options.budget_ms, "costs": options.costs is not None, "measure": options.measure}
    for name, is_given in came.items():
        if is_given:
            whose = "asked for" if options.unit else "that of the bundle's schedules"
            expected = "budgets in it or shares" if name == "budget_ms" else "none, for the bundle has the counted ones"
            raise ArgumentError(
                name, f"came in ms, the unit is {unit}, {whose}: expected {expected}, or ", Argument("unit"), " ms"
            )
    return unit


def _counted_profile(bundle: Bundle, unit: str, say: Callable[[str], None]) -> CostProfile:
    """Costs that hold on every device."""
    with reading(bundle.folder / MANIFEST):
        counted = next((CostProfile.from_json(entry) for entry in bundle.profiles if entry["unit"] == unit), None)
    if counted is None:
        raise UserError(f"{bundle.folder}: has no costs in {unit}, expected a profile of them; ms can be measured")
    say(f"costs: exits at {_listed(counted.costs)} {unit}, as counted at export")
    return counted


def _profile(bundle: Bundle, options: RefitOptions, say: Callable[[str], None], target: Path) -> CostProfile:
    """Costs of this device: given, the bundle's, or measured; refuses to lose steady ones for unsteady ones."""
    threads, provider = options.profile.threads, options.profile.provider
    here = CostProfile.of_this_device(options.costs or (), threads, bundle.precision, provider=provider)
    if options.costs is not None:
        say(f"costs: exits at {_listed(here.costs)} ms, as given")
        return here
    with reading(bundle.folder / MANIFEST):
        known = here.found_in(bundle.profiles)
    if known is not None and not options.measure:
        listed = _listed(known.costs)
        source = "as given to an earlier refit" if known.spread is None else "by the bundle's profile of this device"
        say(f"costs: exits at {listed} ms, {source}; --measure measures anew")
        warn_if_unsteady(known, "costs of the bundle's profile")
        return known
    repeats = options.profile.repeats
    say(f"measure: {repeats} runs to each exit")
    with reading(bundle.folder / MANIFEST):
        inputs = noise_inputs(bundle.manifest)
    measured = measure(bundle.folder, inputs, options.profile)
    say(f"costs: exits at {_listed(measured.costs)} ms ({provider}, {threads} thread(s), median of {repeats})")
    if known is not None and known.steady and measured.unsteady and target == bundle.folder:
        raise UserError(
            f"{bundle.folder}: costs of {_listed(known.costs)} ms are known of this device, measured steadily, and "
            f"other work disturbed this measurement: {_listed(measured.costs)} ms; nothing was changed: measure when "
            "the machine is quiet, or write another bundle by ", Argument("out"),
        )  # fmt: skip
    if known is not None and known.static is not None:
        # Nor is it in the bundle: beside costs of another hour, its own would be those of another machine.
        say("the cost of the network without exits, measured at export, is not that of these runs: it is left out")
    return measured


def _listed(costs: Sequence[float]) -> str:
    return " ".join(number(cost, 4) for cost in costs)


def _in_order(budgets: Sequence[float]) -> list[float]:
    """Ascending."""
    ordered = sorted(budgets)
    for first, second in itertools.pairwise(ordered):
        if first == second:
            raise UserError(f"budget {first:g} came twice, expected different ones")
    return ordered


def _refit(
    fitted: Sequence[eenet_rt.Schedule],
    fit_set: Predictions,
    calibration_set: Predictions,
    costs: Floats,
    unit: str,
    budget: float,
) -> eenet_rt.Schedule:
    """A schedule by the policy, and with the combiner, of the one whose budget is nearest as a share of full cost.

    Where samples have costs of their own, ``costs`` are their means.
    """
    share = budget / costs[-1]
    nearest = min(fitted, key=lambda schedule: abs(schedule.budget / schedule.costs[-1] - share))
    scheduler = create_scheduler(nearest.policy, combiner=nearest.exit_policy.combiner)
    given = costs if calibration_set.costs is None else None
    return scheduler.refit(nearest, fit_set, calibration_set, given, budget).schedule(unit)


def _copy(bundle: Bundle, folder: Path, *, link: bool) -> None:
    """Makes the folder and brings every file of the bundle into it but those that are written anew."""
    folder.mkdir()
    for name in bundle.files:
        if name != SCHEDULES:
            # Linked where the old bundle is about to go: its segments need not be written again.
            bundle.copy(name, folder, link=link)


def _save_manifest(bundle: Bundle, folder: Path, profile: CostProfile) -> None:
    profiles = bundle.profiles
    if profile.unit == "ms":  # what was counted is there already, and stays
        profiles = [profile.to_json(), *(entry for entry in profiles if not profile.same_key(entry))]
    files = {**bundle.files, SCHEDULES: file_entry((folder / SCHEDULES).read_bytes())}
    save_manifest(folder, {**bundle.manifest, "profiles": profiles, "files": files})


def _check(
    folder: Path,
    calibration_set: Predictions,
    profile: ProfileOptions,
    active: tuple[float, str],
    say: Callable[[str], None],
) -> None:
    """Reads back what was written; ``active`` is the budget in force, and its unit."""
    file = eenet_rt.read_schedules(str(folder / SCHEDULES))
    for schedule in file.schedules:
        check_schedule(schedule, calibration_set)
    try:
        runtime = eenet_rt.load(folder, threads=profile.threads, providers=[profile.provider])
    except eenet_rt.BackendError as error:
        # Not the fault of anything written here: the segments are those of the old bundle.
        say(f"check: schedules; segments could not be opened here: {error}")
        return
    if runtime.schedule is None or runtime.schedule.budget != active[0]:
        raise UserError(
            f"verify: the schedule in force is {runtime.schedule!r}, expected that for {active[0]:g} {active[1]}"
        )
    say("check: the bundle loads, its schedules keep their budgets on the calibration set")
