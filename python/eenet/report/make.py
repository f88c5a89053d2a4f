"""A report from values: what ``eenet-report`` does, for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eenet.report.costs import cost_section
from eenet.report.curves import ablation_section, curve_section
from eenet.report.fits import Ablation, SimplePolicy, fit_ablation
from eenet.report.inputs import ReportSources
from eenet.report.page import Page, check_output, write_page
from eenet.report.panels import panel_of
from eenet.report.provenance import provenance_section
from eenet.report.reading import read_inputs
from eenet.report.style import require_libraries
from eenet.report.verdict import Verdict, verdict_section
from eenet.report.wall_time import WallTime, measure_wall_time
from eenet.workflows.profile import MachineLoad


@dataclass(frozen=True)
class Report:
    """What was found, and where it was written.

    Attributes:
        page: the HTML file.
        figures: names of the picture files in the folder beside it.
        verdict: whether exiting early pays, with all its figures.
        ablation: other policies and parts of EENet; None where it was not asked for.
    """

    page: Path
    figures: tuple[str, ...]
    verdict: Verdict
    ablation: Ablation | None

    def to_json(self) -> dict[str, Any]:
        """The main figures, of types that JSON has."""
        inputs, wall, verdict = self.verdict.inputs, self.verdict.wall, self.verdict
        schedule, outcome, quality = inputs.schedule, inputs.outcome, inputs.report.quality_name
        return {
            "page": str(self.page),
            "figures": list(self.figures),
            "bundle": inputs.bundle.files.id,
            "model": inputs.bundle.model,
            "schedule": inputs.chosen,
            "policy": schedule.policy,
            "budget": schedule.budget,
            "unit": schedule.unit,
            "samples": len(inputs.report),
            quality: outcome.accuracy,
            **outcome.figures,
            f"full_depth_{quality}": float(inputs.exit_accuracy[-1]),
            "mean_cost": outcome.mean_cost,
            "full_cost": float(inputs.costs[-1]),
            "static_cost": inputs.static_cost,
            "exit_shares": outcome.exit_shares.tolist(),
            "simple_policy": {quality: verdict.simple.accuracy, "mean_cost": verdict.simple.mean_cost},
            "verdict": verdict.to_json(),
            **panel_of(inputs.report.task).figures(inputs, verdict.simple),
            "ablation": None if self.ablation is None else self.ablation.to_json(quality),
            "wall_time": wall.to_json() if isinstance(wall, WallTime) else None,
        }


def make_report(
    sources: ReportSources,
    out: Path,
    *,
    ablation: bool = False,
    seed: int = 0,
    progress: Callable[[str, int], None] = lambda what, fits: None,
) -> Report:
    """Measures what a bundle does on samples that nothing was fitted on, and writes it as one HTML page with pictures.

    Args:
        sources: what is reported on.
        out: the page; pictures go to a folder beside it.
        ablation: also fit EENet and its parts for comparison, which takes minutes.
        seed: of splits, fits and the choice of examples.
        progress: called before each fit of the ablation with what is fitted and how many fits there are.

    Raises:
        UserError: a file is not what it should be or does not fit the others, the schedule is not there, what is drawn
            and written with is not installed, or the page cannot be written.
        eenet_rt.EenetError: the bundle does not load or run, or something is in the page's place.
    """
    machine = MachineLoad.now()
    require_libraries()
    named = ("bundle", "data", "predictions", "images", "validation")
    check_output(out, {name: getattr(sources, name) for name in named})
    inputs = read_inputs(sources, seed)
    simple = SimplePolicy(inputs)
    verdict = Verdict(inputs, simple.at_cost(inputs.outcome.mean_cost), measure_wall_time(inputs, machine))
    fitted = fit_ablation(inputs, progress) if ablation else None
    return Report(out, tuple(write_page(_page(verdict, simple, fitted), out)), verdict, fitted)


def _page(verdict: Verdict, simple: SimplePolicy, ablation: Ablation | None) -> Page:
    inputs = verdict.inputs
    panel = panel_of(inputs.report.task)
    sections = [verdict_section(verdict), *panel.exits(inputs, verdict.simple), curve_section(inputs, simple)]
    if ablation is not None:
        sections.append(ablation_section(inputs, ablation))
    sections += [cost_section(inputs), *panel.answers(inputs), provenance_section(inputs, ablation)]
    return Page(f"{inputs.bundle.model} with early exits", verdict.headline, verdict.rule, verdict.clauses, sections)
