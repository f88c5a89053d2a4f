"""Bundles whose schedules were fitted by the costs of each sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.policies.calibration import check_schedule
from eenet.policies.grid import fit_schedules
from eenet.spending import mean_costs
from eenet.tasks.classification import ClassPredictions
from eenet.workflows.evaluate import evaluate_schedule
from eenet.workflows.profile import ProfileOptions
from eenet.workflows.refit import RefitOptions, refit_bundle
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions

OPTIONS = ExportOptions(
    budgets=("70%",), unit="flops", policy="maximum", combine="none", profile=ProfileOptions(repeats=5)
)


@pytest.fixture(scope="module")
def priced(tiny: TrainedBundle) -> ClassPredictions:
    """The validation predictions, hard samples long."""
    lengths = 1.3 - tiny.validation.confidence()[:, 0]
    return tiny.validation.with_costs(lengths[:, None] * 1e6 * np.array([1.0, 2.0, 4.0]))


@pytest.fixture(scope="module")
def bundle(
    tiny: TrainedBundle, priced: ClassPredictions, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A bundle, and what its export said."""
    said: list[str] = []
    out = tmp_path_factory.mktemp("priced") / "tiny.eenet"
    export_bundle(tiny.checkpoint, priced, tiny.report_images.images[:20], out, OPTIONS, said.append)
    return out, said


def profile_of(bundle: Path) -> dict[str, object]:
    profiles = json.loads((bundle / "manifest.json").read_text())["profiles"]
    (found,) = (profile for profile in profiles if profile["unit"] == "flops")
    return dict(found)


def test_export_fits_by_them_and_keeps_their_means(bundle: tuple[Path, list[str]], priced: ClassPredictions) -> None:
    path, said = bundle
    calibration_set = priced.split(0.5, OPTIONS.seed)[1]
    assert calibration_set.costs is not None
    means = mean_costs(calibration_set.costs).tolist()
    (schedule,) = eenet_rt.read_schedules(path / "scheduler.safetensors").schedules
    (fitted,) = fit_schedules("maximum", priced, None, [0.7 * means[-1]], unit="flops", seed=OPTIONS.seed)
    assert (schedule.costs, schedule.budget) == (means, 0.7 * means[-1])
    assert list(schedule.exit_policy.thresholds) == list(fitted.exit_policy.thresholds)
    assert profile_of(path) == {"unit": "flops", "costs": means, "static": None}
    assert any(line.startswith("costs: those of each sample, on average exits at ") for line in said)
    # Its table is that of the schedule, which so keeps what it was fitted for.
    runtime = eenet_rt.load(path, budget="70%")
    assert runtime.schedule is not None
    assert (runtime.schedule.budget, runtime.costs) == (schedule.budget, means)


def test_refit_fits_by_them(bundle: tuple[Path, list[str]], priced: ClassPredictions, tmp_path: Path) -> None:
    calibration_set = priced.split(0.5, OPTIONS.seed)[1]
    said: list[str] = []
    result = refit_bundle(bundle[0], tmp_path / "r.eenet", RefitOptions(("60%", "70%")), said.append)
    assert not any(line.startswith("costs: those") for line in said)
    before = eenet_rt.read_schedules(bundle[0] / "scheduler.safetensors").schedules[0]
    assert list(result.schedules[1].exit_policy.thresholds) == list(before.exit_policy.thresholds)
    assert result.schedules[1].margin == before.margin
    for schedule in result.schedules:
        check_schedule(schedule, calibration_set)
        spent = evaluate_schedule(calibration_set, schedule).mean_cost
        assert 0.95 * schedule.budget < spent + schedule.margin <= schedule.budget
        assert spent > 1.01 * float(np.dot(schedule.calibration_shares, schedule.costs))
    assert profile_of(tmp_path / "r.eenet") == profile_of(bundle[0])


def test_refit_by_costs_of_a_device_leaves_them_aside(
    bundle: tuple[Path, list[str]], priced: ClassPredictions, tmp_path: Path
) -> None:
    said: list[str] = []
    options = RefitOptions(("60%",), unit="ms", costs=(1.0, 2.0, 4.0))
    (schedule,) = refit_bundle(bundle[0], tmp_path / "r.eenet", options, said.append).schedules
    assert (
        "costs: those of each calibration sample are of another unit or device, so all cost what was said above" in said
    )
    assert schedule.costs == [1, 2, 4]
    (fitted,) = fit_schedules("maximum", priced, [1, 2, 4], [0.6 * 4], unit="ms", seed=OPTIONS.seed)
    assert schedule.calibration_shares == fitted.calibration_shares
