"""How a report was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import eenet_rt
from eenet.report.fits import Fits
from eenet.report.inputs import Inputs
from eenet.report.page import Section
from eenet.scheduling.grid import FIT_SHARE


def provenance_section(inputs: Inputs, fits: Fits) -> Section:
    """Bundle, versions, data sets and what each of them was for."""
    bundle, schedule = inputs.bundle, inputs.schedule
    profile = bundle.profile_of(schedule)
    fit_count = round(FIT_SHARE * len(inputs.validation))
    table = " · ".join(f"{cost:.4g}" for cost in inputs.costs)
    facts = [
        ("Network", f"{bundle.model}, {bundle.num_exits} exits, {len(bundle.class_names)} classes"),
        ("Bundle", f"{bundle.path.name}, id {bundle.id}"),
        ("Made with", ", ".join(f"{name} {v}" for name, v in bundle.versions.items())),
        ("Cost table", f"{table} {inputs.unit}{_measured_on(profile)}"),
        (
            "Schedule", f"{inputs.chosen}: {schedule.policy}, budget {schedule.budget:.4g} {schedule.unit}, of which "
            f"{schedule.margin:.3g} are held back as a margin",
        ),
        (
            "Reported on", f"{len(inputs.report):,} samples of {inputs.sources['predictions']}. "
            f"{inputs.repeated:,} of them are, to the bit, among the validation predictions; nothing was fitted on the "
            "others",
        ),
        (
            "Fitted on", f"the bundle's schedules: see its making; thresholds on {schedule.calibration_samples:,} "
            f"calibration samples. Policies for comparison: {inputs.sources['validation']}, "
            f"{len(inputs.validation):,} samples, of which {fit_count:,} fit scores and shares and "
            f"{len(inputs.validation) - fit_count:,} set thresholds (split by seed {inputs.seed})",
        ),
        (
            "Compared", f"{len(fits.curves)} policies at {len(fits.budgets)} budgets, {len(fits.sweep)} values of "
            f"alpha_cost, seed {inputs.seed}",
        ),
    ]  # fmt: skip
    if "images" in inputs.sources:
        facts.append(("Images", f"{inputs.sources['images']}, matched by index and label"))
    facts.append(("This report", f"{_versions()}, on {eenet_rt.device_name()}"))
    return Section("making", "How it was made", "Which data did what, and on which machine.", facts=facts)


def _measured_on(profile: dict[str, object]) -> str:
    if "device" not in profile:
        return ""
    return f", measured on {profile['device']}, {profile['provider']}, {profile['threads']} thread(s)"


def _versions() -> str:
    versions = [f"Python {platform.python_version()}"]
    for package in ("eenet", "onnxruntime", "numpy", "torch", "matplotlib"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(versions)
