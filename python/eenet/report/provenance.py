"""How a report was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import eenet_rt
from eenet.costs import CostProfile
from eenet.policies.grid import FIT_SHARE
from eenet.report.fits import Ablation
from eenet.report.inputs import Inputs
from eenet.report.page import Section
from eenet.text import number, of_many


def provenance_section(inputs: Inputs, ablation: Ablation | None) -> Section:
    """Bundle, versions, data sets and what each of them was for."""
    bundle, schedule = inputs.bundle, inputs.schedule
    table = " · ".join(number(cost, 4) for cost in inputs.costs)
    facts = [
        ("Network", f"{bundle.model}, {bundle.num_exits} exits, {inputs.report.names_text}"),
        ("Bundle", f"{bundle.files.folder.name}, id {bundle.files.id}"),
        ("Made with", ", ".join(f"{name} {v}" for name, v in bundle.versions.items())),
        ("Cost table", f"{table} {inputs.unit}{_measured_on(bundle.profile(schedule))}"),
        (
            "Schedule", f"{inputs.chosen}: {schedule.policy}, budget {number(schedule.budget, 4)} {schedule.unit}, of "
            f"which {number(schedule.margin)} are held back as a margin",
        ),
        (
            "Reported on", f"{of_many(len(inputs.report), 'sample')} of {inputs.sources['predictions']}. "
            f"Nothing on this page was fitted on them; {inputs.repeated:,} "
            f"{'is' if inputs.repeated == 1 else 'are'}, by {'its' if inputs.repeated == 1 else 'their'} "
            f"{inputs.terms.outputs}, among the samples that policies were fitted on",
        ),
        (
            "Fitted on", "the bundle's schedules: before this report, thresholds on "
            f"{schedule.calibration_samples:,} calibration samples. The thresholds of the simple policy "
            f"({inputs.terms.simple_name}): {inputs.sources['validation']}, {len(inputs.validation):,} samples, at "
            "most at the cost that the schedule has on the report set",
        ),
    ]  # fmt: skip
    if ablation is not None:
        fit_count = round(FIT_SHARE * len(inputs.validation))
        facts.append(
            (
                "Ablation", f"{len(ablation.curves)} policies at {len(ablation.budgets)} budgets, "
                f"{len(ablation.sweep)} values of alpha_cost: {fit_count:,} of the validation samples fit scores and "
                f"shares, {len(inputs.validation) - fit_count:,} set thresholds (split by seed {inputs.seed})",
            )
        )  # fmt: skip
    if "images" in inputs.sources:
        facts.append(("Images", f"{inputs.sources['images']}, matched by index and label"))
    facts.append(("This report", f"{_versions()}, on {eenet_rt.device_name()}"))
    return Section("making", "How it was made", "Which data did what, and on which machine.", facts=facts)


def _measured_on(profile: CostProfile) -> str:
    if profile.device is None:
        return ""
    return f", measured on {profile.device}, {profile.provider}, {profile.threads} thread(s)"


def _versions() -> str:
    versions = [f"Python {platform.python_version()}"]
    for package in ("eenet", "onnxruntime", "numpy", "torch", "matplotlib"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(versions)
