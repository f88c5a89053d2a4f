"""What a report on answers that are numbers has of its own: errors by exit, values beside targets, who leaves where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from eenet.data.arrays import ArraySet, load_arrays
from eenet.errors import ArgumentError, UserError
from eenet.report.described import ReportBundle
from eenet.report.inputs import Inputs, ReportSources
from eenet.report.page import Picture, Section, Table
from eenet.report.style import Scheme, exit_colors, light_grid, new_figure, policy_name, short_name, spread
from eenet.tasks.registry import load_predictions
from eenet.tasks.regression import Floats, ValuePredictions, error_sizes
from eenet.text import number, of_many
from eenet.workflows.evaluate import Evaluation, evaluate_exit_quality
from eenet.workflows.predict import predict_arrays

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = 5  # of the samples, by the size of a target
_SCORE_PARTS = 10  # likewise, by score
_DRAWN = 400  # samples as points
_TARGETS = 4  # that are drawn
_QUANTILES = (50, 90, 99)  # per cent
_MARKERS = "os^Dv<>pP*"


def read_values(sources: ReportSources, bundle: ReportBundle, threads: int) -> tuple[ValuePredictions, ArraySet | None]:
    """Predictions to report on, given, or by the bundle itself of samples that are given.

    Raises:
        UserError: files that are not what they should be, or do not fit the bundle.
    """
    if sources.images is not None:
        raise ArgumentError("images", f"came for a bundle of the task {ValuePredictions.task}, expected none")
    if sources.predictions is None:
        samples = load_arrays(sources.samples)
        return predict_arrays(sources.bundle, samples, threads=threads), samples
    report = load_predictions(sources.predictions)
    if not isinstance(report, ValuePredictions):
        raise UserError(f"{sources.predictions}: got predictions of {report.task}, expected {ValuePredictions.task}")
    return report, None


def exit_sections(inputs: Inputs, rival: Evaluation) -> list[Section]:
    """Where samples leave, how wrong they are there, and what the scores say of it."""
    name = policy_name(inputs.schedule.policy)
    shares = " · ".join(f"{100 * share:.0f}" for share in rival.exit_shares)
    return [
        Section(
            "exits",
            "Where samples leave",
            f"By the bundle's {name}. With {inputs.terms.simple_name}, {shares} % would leave at the exits from the "
            f"first to the last, at a mean cost of {number(rival.mean_cost)} {inputs.unit}, here "
            f"{number(inputs.outcome.mean_cost)} {inputs.unit}.",
            pictures=[_error_picture(inputs), *(_size_picture(inputs, d) for d in _drawn_targets(inputs))],
            tables=[_left_table(inputs)],
        ),
        Section(
            "scores",
            "What the scores say",
            "An exit lets a sample leave when its score reaches the exit's threshold. A good score is high where the "
            "answer is good.",
            pictures=[_score_picture(inputs)],
        ),
    ]


def answer_sections(inputs: Inputs) -> list[Section]:
    """Values beside targets, and what each exit answers to all samples."""
    return [
        Section(
            "values",
            "Predicted and true values",
            "Values are those of the exit at which each sample leaves.",
            pictures=[_value_picture(inputs, d) for d in _drawn_targets(inputs)],
            tables=[_target_table(inputs), _exit_table(inputs)],
        )
    ]


def target_errors(inputs: Inputs, rival: Evaluation) -> dict[str, Any]:
    """Mean absolute errors by target, and quantiles of the errors by exit, of types that JSON has."""
    report, outcome = _values(inputs), inputs.outcome
    mae = np.abs(outcome.answers.astype(np.float64) - report.targets).mean(axis=0)
    errors = error_sizes(outcome.answers, report.targets)
    left = [errors[outcome.exits == k] for k in range(report.num_exits)]
    return {
        "target_mae": dict(zip(report.target_names, mae.tolist(), strict=True)),
        "exit_error_quantiles": [np.percentile(e, _QUANTILES).tolist() if len(e) else None for e in left],
    }


def _values(inputs: Inputs) -> ValuePredictions:
    report = inputs.report
    assert isinstance(report, ValuePredictions)  # by read_values
    return report


def _drawn_targets(inputs: Inputs) -> range:
    return range(min(_TARGETS, len(inputs.report.names)))


def _name(inputs: Inputs, target: int) -> str:
    return short_name(inputs.report.names[target], 24)


def _error_picture(inputs: Inputs) -> Picture:
    report, outcome = _values(inputs), inputs.outcome
    exits = range(report.num_exits)
    here = error_sizes(outcome.answers, report.targets)
    full = error_sizes(report.values[:, -1], report.targets)
    left = [outcome.exits == k for k in exits]
    medians = "; ".join(
        f"exit {k} {number(float(np.median(here[rows])), 3)} ({number(float(np.median(full[rows])), 3)})"
        for k, rows in enumerate(left)
        if rows.any()
    )
    caption = (
        f"Errors of the samples that leave at each exit, there and had they gone on to the last exit. Medians, in "
        f"brackets those of the last exit: {medians}. Thin line: 5 to 95 % of the samples, thick line: quartiles, "
        "mark: median; the dashed line is the error scale, where quality is 0."
    )
    alt = f"Distribution of the errors by exit. Medians, in brackets those of the last exit: {medians}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(1.1 + 0.5 * len(exits))
        ax = figure.add_subplot(xlabel="error")
        for k, rows in enumerate(left):
            spread(ax, k - 0.14, here[rows], scheme.right, "o")
            spread(ax, k + 0.14, full[rows], scheme.wrong, "s")
        ax.axvline(report.error_scale, color=scheme.ink, linewidth=0.8, linestyle="--")
        ax.set_yticks(list(exits), [f"exit {k}" for k in exits])
        ax.set_ylim(len(exits) - 0.5, -0.5)
        ax.set_xlim(left=0)
        light_grid(ax, "x")
        handles = [ax.plot([], [], m, color=c)[0] for m, c in (("o", scheme.right), ("s", scheme.wrong))]
        figure.legend(handles, ["where they leave", "at the last exit"], loc="outside lower center", ncols=2)
        return figure

    return Picture("errors_by_exit", "Errors by exit", alt, caption, draw)


def _size_picture(inputs: Inputs, target: int) -> Picture:
    report, outcome = _values(inputs), inputs.outcome
    name, sizes, exits = _name(inputs, target), report.targets[:, target], report.num_exits
    parts = [rows for rows in np.array_split(np.argsort(sizes, kind="stable"), _PARTS) if len(rows)]
    shares = np.array([np.bincount(outcome.exits[rows], minlength=exits) / len(rows) for rows in parts])
    mean = np.array([float(inputs.costs[outcome.exits[rows]].mean()) for rows in parts])
    labels = [f"{sizes[rows[0]]:.4g} to {sizes[rows[-1]]:.4g}" for rows in parts]
    dearest, cheapest = int(np.argmax(mean)), int(np.argmin(mean))
    caption = (
        f"Samples in {len(parts)} equal parts by {name}. Those of {labels[cheapest]} leave earliest, at a mean cost of "
        f"{number(mean[cheapest])} {inputs.unit}, those of {labels[dearest]} latest, at {number(mean[dearest])} "
        f"{inputs.unit}."
    )
    told = "; ".join(f"{label}: {_shares_text(row)}" for label, row in zip(labels, shares, strict=True))
    alt = f"Shares of the exits by {name}, in per cent from the first exit to the last. {told}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(1.0 + 0.42 * len(parts))
        ax = figure.add_subplot(xlabel="samples (%)")
        colors = exit_colors(scheme, exits)
        for k in range(exits):
            lefts = 100 * shares[:, :k].sum(axis=1)
            ax.barh(
                range(len(parts)), 100 * shares[:, k], 0.7, left=lefts, color=colors[k], edgecolor=scheme.paper,
                label=f"exit {k}",
            )  # fmt: skip
            for row, (left, share) in enumerate(zip(lefts, shares[:, k], strict=True)):
                if share >= 0.1:  # or the number would not fit
                    box = {"boxstyle": "round,pad=0.15", "facecolor": scheme.paper, "edgecolor": "none"}
                    ax.annotate(
                        f"{100 * share:.0f}", (left + 50 * share, row), ha="center", va="center", fontsize=8, bbox=box
                    )  # fmt: skip
        ax.set(xlim=(0, 100))
        ax.set_yticks(range(len(parts)), labels)
        ax.tick_params(length=0)
        figure.legend(loc="outside lower center", ncols=min(exits, 4))
        return figure

    return Picture(f"exits_by_target_{target}", f"Exits by {name}", alt, caption, draw)


def _shares_text(shares: Floats) -> str:
    return " · ".join(f"{100 * share:.0f}" for share in shares)


def _left_table(inputs: Inputs) -> Table:
    report, outcome = _values(inputs), inputs.outcome
    errors = error_sizes(outcome.answers, report.targets)
    full = report.qualities_of(report.values[:, -1])
    rows = []
    for k in range(report.num_exits):
        left = outcome.exits == k
        cells = ["-"] * (2 + len(_QUANTILES))
        if left.any():
            cells = [
                f"{100 * outcome.qualities[left].mean():.2f} %", f"{100 * full[left].mean():.2f} %",
                *(number(float(q), 3) for q in np.percentile(errors[left], _QUANTILES)),
            ]  # fmt: skip
        rows.append((f"exit {k}", f"{int(left.sum()):,}", f"{100 * left.mean():.1f} %", *cells))
    worse = int((outcome.qualities < full).sum())
    better = int((outcome.qualities > full).sum())
    return Table(
        "Samples by exit",
        ("exit", "samples", "share", "quality", "at the last exit", *(f"error, {q} %" for q in _QUANTILES)),
        rows,
        f"Of {of_many(len(report), 'sample')}, {better:,} have a better answer where they leave than at the last exit "
        f"and {worse:,} a worse one. The last columns are the errors that so many of an exit's samples do not exceed.",
    )


def _score_picture(inputs: Inputs) -> Picture:
    # Were an exit disabled, it would score nothing.
    policy = inputs.policy.with_thresholds([0.0] * inputs.policy.num_exits)
    scores, qualities = inputs.report.scores(policy), inputs.report.qualities()
    ranking = evaluate_exit_quality(inputs.report, policy).failure_auroc
    count = min(_SCORE_PARTS, len(scores))
    curves = [
        [100 * float(q[rows].mean()) for rows in np.array_split(np.argsort(s, kind="stable"), count)]
        for s, q in zip(scores.T[:-1], qualities.T[:-1], strict=True)
    ]
    told = "; ".join(f"exit {k}: {_auroc(float(area))}" for k, area in enumerate(ranking))
    caption = (
        f"All samples in {count} equal parts by their score at an exit, nobody having left before it. Probability that "
        f"an answer better than the median scores above another (0.5 is chance): {told}."
    )
    alt = f"Mean quality by score for each exit but the last. Probability of the right order: {told}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(3.2)
        ax = figure.add_subplot(
            xlabel=f"part of the samples by score, {count} highest", ylabel=f"{inputs.terms.quality} (%)"
        )
        colors = exit_colors(scheme, len(curves) + 1)
        for k, curve in enumerate(curves):
            marker = _MARKERS[k % len(_MARKERS)]
            ax.plot(range(1, count + 1), curve, marker=marker, color=colors[k], label=f"exit {k}")
        ax.set_xticks(range(1, count + 1))
        light_grid(ax, "y")
        ax.legend(loc="best")
        return figure

    return Picture("quality_by_score", "Quality by score", alt, caption, draw)


def _value_picture(inputs: Inputs, target: int) -> Picture:
    report, outcome = _values(inputs), inputs.outcome
    name, exits = _name(inputs, target), report.num_exits
    random = np.random.default_rng(inputs.seed)
    rows = np.sort(random.permutation(len(report))[:_DRAWN])
    true, said = report.targets[:, target].astype(np.float64), outcome.answers[:, target].astype(np.float64)
    inside = _explained(said, true)
    errors = "; ".join(
        f"exit {k} {number(float(np.abs(said - true)[outcome.exits == k].mean()), 3)}"
        for k in range(exits)
        if (outcome.exits == k).any()
    )
    caption = (
        f"{of_many(len(rows), 'sample')} drawn at random, by a seed; on the line, values are right. Mean absolute "
        f"errors of all samples: {errors}. {_explained_text(inside)}"
    )
    alt = f"Predicted against true {name}, by the exit where each sample leaves. Mean absolute errors: {errors}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(3.9)
        ax = figure.add_subplot(xlabel=f"true {name}", ylabel=f"predicted {name}")
        ends = [min(true[rows].min(), said[rows].min()), max(true[rows].max(), said[rows].max())]
        ax.plot(ends, ends, color=scheme.faint, linewidth=1.2)
        for k, color in enumerate(exit_colors(scheme, exits)):
            shown = rows[outcome.exits[rows] == k]
            marker = _MARKERS[k % len(_MARKERS)]
            ax.plot(true[shown], said[shown], marker, color=color, markersize=3.5, alpha=0.8, label=f"exit {k}")
        ax.tick_params(length=0)
        figure.legend(loc="outside lower center", ncols=min(exits, 4), markerscale=1.6)
        return figure

    return Picture(f"values_{target}", f"Predicted against true {name}", alt, caption, draw)


def _target_table(inputs: Inputs) -> Table:
    report, outcome = _values(inputs), inputs.outcome
    rows = []
    for d, name in enumerate(report.target_names):
        true = report.targets[:, d].astype(np.float64)
        here, full = (v[:, d].astype(np.float64) for v in (outcome.answers, report.values[:, -1]))
        cells = [number(float(np.abs(v - true).mean()), 4) for v in (here, full)]
        cells += [number(float(((v - true) ** 2).mean()), 4) for v in (here, full)]
        explained = [_explained(v, true) for v in (here, full)]
        rows.append(
            (short_name(name, 40), *cells, f"{float((here - true).mean()):+.3g}",
             *("-" if math.isnan(share) else f"{100 * share:.1f} %" for share in explained))
        )  # fmt: skip
    return Table(
        "Errors by target",
        ("target", "MAE", "full depth", "MSE", "full depth", "mean error", "explained", "full depth"),
        rows,
        "Mean absolute and mean squared errors in the target's unit. A mean error below 0 is of values that are too "
        "small. Explained is the share of the target's variance that the values take away.",
    )


def _exit_table(inputs: Inputs) -> Table:
    report = _values(inputs)
    ranking = [*evaluate_exit_quality(report, inputs.policy).failure_auroc, math.nan]
    disabled = np.isposinf(inputs.policy.thresholds)
    rows = []
    for k in range(report.num_exits):
        answers = report.values[:, k]
        figures = report.figures(answers)
        rows.append(
            (f"exit {k}", f"{100 * report.qualities_of(answers).mean():.2f} %",
             *(number(value, 4) for value in figures.values()),
             _auroc(math.nan if disabled[k] else float(ranking[k])))
        )  # fmt: skip
    names = [name.upper() for name in report.figures(report.values[:, -1])]
    return Table(
        "Exits, each on all samples",
        ("exit", inputs.terms.quality, *names, "order by score"),
        rows,
        "Order by score: the probability that an answer better than the median scores above another (0.5 is chance); "
        "not of the last exit and disabled ones.",
    )


def _explained(values: Floats, targets: Floats) -> float:
    variance = float(targets.var())
    return 1 - float(((values - targets) ** 2).mean()) / variance if variance else math.nan


def _explained_text(share: float) -> str:
    return "" if math.isnan(share) else f"The values explain {100 * share:.1f} % of its variance."


def _auroc(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
