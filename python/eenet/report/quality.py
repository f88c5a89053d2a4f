"""Whether exits know what they know: reliability, calibration error, ranking of right above wrong answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from eenet.report.inputs import Inputs
from eenet.report.page import Picture, Section, Table
from eenet.report.style import Scheme, new_figure
from eenet.tasks.classification import of_classes
from eenet.workflows.evaluate import CALIBRATION_BINS, evaluate_exit_quality, expected_calibration_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def quality_section(inputs: Inputs) -> Section:
    """Reliability of every exit, nobody having left before it."""
    quality = evaluate_exit_quality(inputs.report, inputs.policy)
    exits = range(inputs.report.num_exits)
    disabled = np.isposinf(inputs.policy.thresholds[:-1])
    auroc = [_auroc(value) for value in (*np.where(disabled, np.nan, quality.failure_auroc), math.nan)]
    combined = inputs.policy.combiner is not None
    rows = [
        (
            _exit_name(k, combined),
            f"{100 * quality.accuracy[k]:.2f} %",
            f"{100 * quality.calibration_error[k]:.2f} %",
            auroc[k],
        )
        for k in exits
    ]
    if combined:
        right = inputs.report.qualities()[:, -1]
        confidence = of_classes(inputs.report, "report").confidence()[:, -1]
        error = expected_calibration_error(confidence, right)
        rows.append(("full depth alone", f"{100 * right.mean():.2f} %", f"{100 * error:.2f} %", "-"))
    return Section(
        "reliability",
        "Reliability",
        "Each exit on all report samples. Calibrated confidence is as high as the accuracy of those who have it.",
        pictures=[_picture(inputs)],
        tables=[
            Table(
                "Exits, each on all samples",
                ("exit", "accuracy", "calibration error", "failure AUROC"),
                rows,
                f"Expected calibration error over {CALIBRATION_BINS} bins of the answer's probability; AUROC of the "
                "schedule's score as a sign of a right answer (0.5 is chance): not of the last exit and disabled ones.",
            )
        ],
    )


def _exit_name(k: int, combined: bool) -> str:
    if not combined:
        return f"exit {k}"
    if k == 0:
        return "exit 0, its logits weighted as in the schedule"
    return f"exit {k}, combined with the {'exit' if k == 1 else 'exits'} before it"


def _auroc(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _picture(inputs: Inputs) -> Picture:
    classes, combiner = of_classes(inputs.report, "report").num_classes, inputs.policy.combiner
    confidence = [x[:, classes] for x in inputs.report.features(combiner)]
    right = inputs.report.qualities(combiner)
    quality = evaluate_exit_quality(inputs.report, inputs.policy)
    gap = [float(c.mean() - r.mean()) for c, r in zip(confidence, right.T, strict=True)]
    worst = int(np.argmax(np.abs(gap)))
    errors = ", ".join(f"{100 * e:.1f} %" for e in quality.calibration_error)
    caption = (
        f"Expected calibration error from exit 0 on: {errors}. Exit {worst} is furthest off: on average its answers "
        f"claim {100 * confidence[worst].mean():.1f} % and {100 * right[:, worst].mean():.1f} % are right, so it is "
        f"{'over' if gap[worst] > 0 else 'under'}confident. Larger dots stand for more samples; the line is perfect "
        "calibration."
    )
    alt = f"Accuracy against confidence for each exit. Expected calibration errors: {errors}."

    def draw(scheme: Scheme) -> Figure:
        columns = min(2, len(confidence))
        lines = math.ceil(len(confidence) / columns)
        figure = new_figure(0.4 + 2.2 * lines)
        axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat
        for k, ax in enumerate(axes):
            if k >= len(confidence):
                ax.set_axis_off()
                continue
            bins = np.minimum((confidence[k] * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
            count = np.bincount(bins, minlength=CALIBRATION_BINS)
            held = count > 0
            x = np.bincount(bins, confidence[k], CALIBRATION_BINS)[held] / count[held]
            y = np.bincount(bins, right[:, k], CALIBRATION_BINS)[held] / count[held]
            ax.plot([0, 100], [0, 100], color=scheme.faint, linewidth=1.2)
            ax.plot(100 * x, 100 * y, color=scheme.right, linewidth=1)
            ax.scatter(100 * x, 100 * y, 6 + 90 * count[held] / count.sum(), color=scheme.right)
            ax.set_title(f"exit {k}: ECE {100 * quality.calibration_error[k]:.1f} %", loc="left")
            ax.set(xlim=(0, 103), ylim=(0, 103), xticks=(0, 50, 100), yticks=(0, 50, 100))
            ax.tick_params(length=0)
        figure.supxlabel("confidence (%)", fontsize=10)
        figure.supylabel("accuracy (%)", fontsize=10)
        return figure

    return Picture("reliability", "Accuracy against confidence", alt, caption, draw)
