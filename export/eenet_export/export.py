"""The whole way from a checkpoint to a verified bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import eenet_rt
from eenet.budgets import Budget, budget_cost, feasible_budgets
from eenet.bundles.bundle import listed_files
from eenet.bundles.calibration import save_calibration
from eenet.bundles.writer import BundleContent, Segment, Tensor, write_manifest, write_segments
from eenet.checkpoint import Checkpoint
from eenet.costs import CostProfile
from eenet.errors import Argument, UserError, counted
from eenet.files import preparing, replacing_folder
from eenet.locks import all_undisturbed
from eenet.models import MultiExitNetwork
from eenet.outputs import check_replaceable
from eenet.policies import save_schedules
from eenet.policies.confidence import confidence_policy
from eenet.policies.grid import DEFAULT_COMBINE, DEFAULT_POLICY, FIT_SHARE, fit_schedules
from eenet.prediction_checks import check_network, check_size, check_source, check_validation
from eenet.predictions import Predictions
from eenet.workflows.profile import ProfileOptions, measure
from eenet.workflows.summary import exits_line, schedule_line, warn_of_accuracy, warn_of_margins
from eenet_export.costs import flops_profile, parameters_profile
from eenet_export.onnx import MAX_BATCH, export_onnx
from eenet_export.split import TracedSegment, WholeModule, trace, trace_segments
from eenet_export.verify import verify_logits, verify_schedules
from eenet_rt._core import CALIBRATION, SCHEDULES

DEFAULT_BUDGETS = ("50%", "60%", "65%", "70%", "80%", "90%")
DEFAULT_ACTIVE = "65%"


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        budgets: to fit, the first one active, numbers or shares of full cost such as ``"65%"``; when empty,
            `DEFAULT_BUDGETS` with `DEFAULT_ACTIVE` active.
        unit: of costs and budgets: ``ms``, measured here; ``flops`` or ``params``, counted.
        policy: name of the scheduler.
        combine: what the answers are made of, see `eenet.policies.grid.fit_schedules`.
        seed: of the split of the validation predictions and of the fit.
        profile: how to measure costs.
        slices: pairs ``(begin, end)`` of exits, each to be written as a bundle of its own beside the whole one.
    """

    budgets: tuple[Budget, ...] = ()
    unit: str = "ms"
    policy: str = DEFAULT_POLICY
    combine: str = DEFAULT_COMBINE
    seed: int = 0
    profile: ProfileOptions = field(default_factory=ProfileOptions)
    slices: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ExportResult:
    """What came of it.

    Attributes:
        bundle: the folder.
        parameters: up to each exit.
        profile: measured, in ms.
        costs: of the exits in the unit of the budgets.
        schedules: by ascending budget.
        active: index of the one in force after loading.
        skipped: default budgets that cannot be met.
        max_error: largest difference from PyTorch's logits per exit, as a share of their deviation.
        samples: images that were compared.
        calibration_set: what thresholds were set on.
        slices: folders of the slices.
    """

    bundle: Path
    parameters: list[int]
    profile: CostProfile
    costs: tuple[float, ...]
    schedules: list[eenet_rt.Schedule]
    active: int
    skipped: list[float]
    max_error: list[float]
    samples: int
    calibration_set: Predictions
    slices: list[Path]


def export_bundle(
    checkpoint: Checkpoint,
    validation: Predictions,
    images: NDArray[np.uint8],
    out: Path,
    options: ExportOptions,
    say: Callable[[str], None],
) -> ExportResult:
    """Writes a bundle: complete and verified, or not at all.

    Args:
        checkpoint: the trained network.
        validation: its predictions on images that it was not trained on; one half fits, the other calibrates.
        images: real images, uint8 ``(N, H, W, 3)``, for measuring and verifying.
        out: the folder ``NAME.eenet``; an existing bundle is replaced at the very end.
        options: what to export.
        say: takes one line for each step.

    Raises:
        UserError: predictions of another network, slices that it has not, a segment that cannot be exported, infeasible
            budgets, failed verification.
    """
    network = checkpoint.network.eval()
    _check_slices(options.slices, network.num_exits)
    if (validation.num_exits, validation.num_classes) != (network.num_exits, network.num_classes):
        raise UserError(
            f"predictions: got {validation.num_exits} exits and {validation.num_classes} classes, "
            f"{checkpoint.model} has {network.num_exits} and {network.num_classes}"
        )
    check_network(validation, [checkpoint.id], "validation predictions", f"this {checkpoint.model}")
    check_size(validation, "validation predictions")
    in_fit_set = validation.split_mask(FIT_SHARE, options.seed)
    fit_set, calibration_set = validation[in_fit_set], validation[~in_fit_set]
    check_validation(validation, [("fit", fit_set), ("calibration", calibration_set)], "validation predictions")
    inputs = checkpoint.preprocessing(images)
    slices = {_slice_path(out, *part): part for part in options.slices}
    for path in (out, *slices):
        check_replaceable(path, folder=True)
    counted_profiles = [flops_profile(network, _example(network, inputs)), parameters_profile(network)]
    for counted_profile in counted_profiles:
        if counted_profile.unit == options.unit:
            _budgets(counted_profile.costs, options)  # what cannot be met is refused before the work
    content = _content(checkpoint, inputs, say)
    # Beside the output: what a killed run leaves there, the next one removes.
    with preparing(out, folder=True) as (_, scratch):
        scratch.mkdir()
        exits, static = _write_stand_ins(checkpoint, content, inputs, scratch, options)
        logits, errors = verify_logits(exits, network, inputs, options.profile)
        listed = " ".join(f"{error:.1e}" for error in errors)
        say(
            f"verify: {counted(len(inputs), 'image')}, largest difference from PyTorch per exit {listed} of the "
            "logits' deviation"
        )
        check_source(validation, logits, "validation predictions", f"{len(inputs)} sample images")
        profile = measure(exits, {content.inputs[0]: inputs}, options.profile, static_bundle=static)
    say(
        f"measure: exits at {' '.join(f'{c:.3f}' for c in profile.costs)} ms, "
        f"without early exits {profile.static:.3f} ms "
        f"({profile.provider}, {profile.threads} thread(s), median of {options.profile.repeats})"
    )
    profiles = [profile, *counted_profiles]
    (costs,) = (each.costs for each in profiles if each.unit == options.unit)
    say(exits_line(calibration_set))
    schedules, active, skipped = _fit(validation, calibration_set, costs, options, say)
    with all_undisturbed(dict.fromkeys((out, *slices), True), say=say) as unchanged, ExitStack() as stack:

        def replaced(path: Path) -> Path:
            ours = listed_files(path).__contains__
            return stack.enter_context(replacing_folder(path, ours=ours, unchanged=unchanged[path]))

        folder = replaced(out)
        write_segments(folder, content)
        save_schedules(folder / SCHEDULES, schedules, network=content.id, active=active)
        save_calibration(folder / CALIBRATION, validation, in_fit_set)
        write_manifest(folder, content, profiles)
        verify_schedules(folder, inputs, calibration_set, options.profile)
        for path, part in slices.items():
            eenet_rt.slice_bundle(folder, *part, replaced(path))
    return ExportResult(
        out, list(content.parameters), profile, costs, schedules, active, skipped, errors, len(inputs),
        calibration_set, list(slices),
    )  # fmt: skip


def _check_slices(slices: Sequence[tuple[int, int]], num_exits: int) -> None:
    """Refuses before the work what `eenet_rt.slice_bundle` would refuse after it."""
    for begin, end in slices:
        if not 0 <= begin < end <= num_exits or end - begin == num_exits:
            raise UserError(f"exits: got {begin}:{end}, expected some of 0:{num_exits}, not none and not all")


def _slice_path(bundle: Path, begin: int, end: int) -> Path:
    return bundle.with_name(f"{bundle.stem}_{begin}-{end}{bundle.suffix}")


def measure_costs(
    checkpoint: Checkpoint, images: NDArray[np.uint8], options: ProfileOptions | None = None
) -> CostProfile:
    """Costs of the exits of a network on this machine, by the runtime itself, on real images ``(N, H, W, 3)``."""
    inputs = checkpoint.preprocessing(images)
    content = _content(checkpoint, inputs, lambda line: None)
    export_options = ExportOptions(profile=options or ProfileOptions())
    with tempfile.TemporaryDirectory() as scratch:
        exits, static = _write_stand_ins(checkpoint, content, inputs, Path(scratch), export_options)
        return measure(exits, {content.inputs[0]: inputs}, export_options.profile, static_bundle=static)


def write_whole(checkpoint: Checkpoint, inputs: NDArray[np.float32], folder: Path, *, early_exits: bool) -> None:
    """Writes the whole network as a bundle of one segment, which runs at full depth: a reference to measure against.

    Args:
        checkpoint: the trained network.
        inputs: at least one preprocessed sample, ``(N, ...)``.
        folder: a new folder.
        early_exits: compute the logits of all exits, or of the last one alone.
    """
    network = checkpoint.network.eval()
    traced = trace(WholeModule(network, early_exits=early_exits).eval(), tuple(_example(network, inputs).values()))
    parameters = network.parameters_to_exit()[-1] if early_exits else network.static_parameters()
    content = _bundle_content(checkpoint, [_segment(traced)], _tensors(traced), [parameters])
    write_segments(folder, content)
    write_manifest(folder, content, [])


def _content(checkpoint: Checkpoint, inputs: NDArray[np.float32], say: Callable[[str], None]) -> BundleContent:
    network = checkpoint.network.eval()
    segments, tensors = [], {}
    for traced in trace_segments(network, _example(network, inputs)):
        segments.append(_segment(traced))
        tensors.update(_tensors(traced))
        say(f"export: segment {len(segments) - 1}, {len(segments[-1].onnx) / 1e6:.2f} MB of ONNX")
    return _bundle_content(checkpoint, segments, tensors, network.parameters_to_exit())


def _bundle_content(
    checkpoint: Checkpoint, segments: Sequence[Segment], tensors: dict[str, Tensor], parameters: Sequence[int]
) -> BundleContent:
    return BundleContent(
        model=checkpoint.model.rpartition(":")[2],  # of code, the builder's name
        class_names=checkpoint.class_names,
        preprocessing=checkpoint.preprocessing.to_json(),
        tensors=tensors,
        inputs=tuple(checkpoint.network.input_shapes),
        segments=tuple(segments),
        parameters=tuple(parameters),
        max_batch=MAX_BATCH,
        weights=checkpoint.id,
    )


def _example(network: MultiExitNetwork, inputs: NDArray[np.float32]) -> dict[str, torch.Tensor]:
    # Batch 2, for the exporter takes a dimension of 1 for a constant.
    (name,) = network.input_shapes
    return {name: torch.from_numpy(np.resize(inputs, (2, *inputs.shape[1:])))}


def _segment(traced: TracedSegment) -> Segment:
    return Segment(traced.module.spec, export_onnx(traced))


def _tensors(traced: TracedSegment) -> dict[str, Tensor]:
    spec = traced.module.spec
    named = zip((*spec.inputs, *spec.outputs), (*traced.example, *traced.outputs), strict=True)
    return {name: Tensor(str(t.dtype).removeprefix("torch."), tuple(t.shape[1:])) for name, t in named}


def _write_stand_ins(
    checkpoint: Checkpoint,
    content: BundleContent,
    inputs: NDArray[np.float32],
    scratch: Path,
    options: ExportOptions,
) -> tuple[Path, Path]:
    """The network with a schedule that costs what the real one will, and the network without exits, to be measured."""
    exits, static = scratch / "exits.eenet", scratch / "static.eenet"
    write_segments(exits, content)
    # Combining and scoring are part of an exit's cost, so a schedule must be there while costs are measured.
    num_exits, num_classes = checkpoint.network.num_exits, checkpoint.network.num_classes
    combiner = None
    if options.combine != "none":
        combiner = np.tril(np.ones((num_exits, num_exits), np.float32)), np.zeros((num_exits, num_classes), np.float32)
    policy = confidence_policy(num_exits, num_classes, (1.0, 0.0, 0.0, 0.0), combiner)
    stand_in = eenet_rt.Schedule(
        policy="maximum",
        budget=num_exits,
        unit="flops",
        costs=[k + 1 for k in range(num_exits)],
        margin=0,
        calibration_samples=1,
        calibration_shares=[float(k == num_exits - 1) for k in range(num_exits)],
        exit_policy=policy,
    )
    save_schedules(exits / SCHEDULES, [stand_in], network=content.id, active=0)
    write_manifest(exits, content, [])
    write_whole(checkpoint, inputs, static, early_exits=False)
    return exits, static


def _fit(
    validation: Predictions,
    calibration_set: Predictions,
    costs: tuple[float, ...],
    options: ExportOptions,
    say: Callable[[str], None],
) -> tuple[list[eenet_rt.Schedule], int, list[float]]:
    """Schedules by budget, the index of the active one, and default budgets that cannot be met."""
    budgets, active, skipped = _budgets(costs, options)
    schedules = []
    for schedule in fit_schedules(
        options.policy, validation, costs, budgets, unit=options.unit, combine=options.combine, seed=options.seed
    ):
        schedules.append(schedule)
        say(f"fit {schedule_line(schedule, calibration_set)}")
    warn_of_margins(schedules)
    warn_of_accuracy(schedules, calibration_set)
    return schedules, budgets.index(active), skipped


def _budgets(costs: Sequence[float], options: ExportOptions) -> tuple[list[float], float, list[float]]:
    """Budgets to fit in ascending order, the active one, and default ones that cannot be met."""
    if options.budgets:
        given = feasible_budgets(options.budgets, costs, options.unit)
        return sorted(set(given)), given[0], []
    wanted = [budget_cost(budget, costs[-1]) for budget in DEFAULT_BUDGETS]
    feasible = [budget for budget in wanted if budget >= costs[0]]
    if not feasible:
        raise UserError(
            f"no default budget can be met: exit 0 costs {costs[0]:.4g} of {costs[-1]:.4g} {options.unit}; give ",
            Argument("budget"),
        )
    active = budget_cost(DEFAULT_ACTIVE, costs[-1])
    return feasible, active if active in feasible else feasible[0], [b for b in wanted if b < costs[0]]
