"""What exit scores are made of and how they tell right from wrong answers (the paper's Figs. 4 and 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import eenet_rt
from eenet.policies.calibration import Floats
from eenet.report.inputs import Inputs
from eenet.report.page import Picture, Section
from eenet.report.style import Scheme, light_grid, new_figure, policy_name, short_name, spread
from eenet.tasks.classification import of_classes
from eenet.workflows.evaluate import area_under_roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_PLAIN_NAME = "maximum score"
_SHOWN = 10  # classes; of more, the ones that full depth knows worst and best
MEASURES = ("maximum", "1 - entropy", "vote", "margin")


def score_section(inputs: Inputs) -> Section:
    """Scores by class and the scorers' weights."""
    return Section(
        "scores",
        "What the scores say",
        "An exit lets a sample leave when its score reaches the exit's threshold. A good score is high where the "
        "answer is right and low where it is wrong, in every class.",
        pictures=[_score_picture(inputs), _weight_picture(inputs)],
    )


def shown_classes(inputs: Inputs) -> list[int]:
    """Classes of the pictures, from the worst to the best known at full depth: all, or the first and last few."""
    report = of_classes(inputs.report, "report")
    labels, right = report.labels, report.qualities()[:, -1]
    present = np.unique(labels)
    accuracy = np.array([right[labels == label].mean() for label in present])
    ordered = [int(label) for label in present[np.argsort(accuracy, kind="stable")]]
    half = _SHOWN // 2
    return ordered if len(ordered) <= _SHOWN else ordered[:half] + ordered[-half:]


def _score_picture(inputs: Inputs) -> Picture:
    thresholds = inputs.policy.thresholds
    enabled = np.flatnonzero(np.isfinite(thresholds[:-1]) | (thresholds[:-1] < 0))
    k = int(enabled[0]) if len(enabled) else 0
    # Were exit k disabled, it would score nothing.
    policy = inputs.policy if len(enabled) else inputs.policy.with_thresholds([0.0] * len(thresholds))
    report, combiner = of_classes(inputs.report, "report"), policy.combiner
    right = report.qualities(combiner)[:, k]
    ours = report.scores(policy)[:, k]
    plain = report.confidence(combiner)[:, k]
    classes, name = shown_classes(inputs), policy_name(inputs.schedule.policy)
    names = [short_name(inputs.bundle.class_names[label]) for label in classes]
    auroc = (area_under_roc(plain, right), area_under_roc(ours, right))
    low = classes[: max(1, len(classes) // 3)]
    hard = np.isin(report.labels, low) & right
    means = (
        f"{plain[hard].mean():.2f} with the {_PLAIN_NAME}, {ours[hard].mean():.2f} with {name}" if hard.any() else "-"
    )
    verdict = "better" if auroc[1] > auroc[0] + 5e-4 else "worse" if auroc[1] < auroc[0] - 5e-4 else "as well"
    caption = (
        f"At exit {k}, {name} tells right from wrong answers {verdict}{' than' if verdict != 'as well' else ' as'} "
        f"the {_PLAIN_NAME} (failure-prediction AUROC {auroc[1]:.3f} against {auroc[0]:.3f}). Mean score "
        f"of the right answers ({int(hard.sum()):,}) in the {_least_known(len(low))}: {means}. "
        "Thin line: 5 to 95 % of the samples, thick line: quartiles, dot: median."
    )
    alt = f"Scores of right and wrong answers at exit {k} for the classes {', '.join(names)}, {_PLAIN_NAME} and {name}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(1.2 + 0.36 * len(classes))
        axes: Sequence[Axes] = figure.subplots(1, 2, sharex=policy.clamp, sharey=True)
        panels = ((_PLAIN_NAME, plain, auroc[0]), (name, ours, auroc[1]))
        for ax, (title, scores, area) in zip(axes, panels, strict=True):
            for row, label in enumerate(classes):
                members = report.labels == label
                spread(ax, row - 0.17, scores[members & right], scheme.right, "o")
                spread(ax, row + 0.17, scores[members & ~right], scheme.wrong, "s")
            ax.set_title(f"{title}\nAUROC {area:.3f}", loc="left")
            ax.set_xlabel(f"score at exit {k}")
            light_grid(ax, "x")
        axes[0].set_yticks(range(len(classes)), names)
        axes[0].set_ylim(len(classes) - 0.4, -0.6)
        handles = [axes[0].plot([], [], m, color=c)[0] for m, c in (("o", scheme.right), ("s", scheme.wrong))]
        figure.legend(handles, ["right answers", "wrong answers"], loc="outside lower center", ncols=2)
        return figure

    return Picture("scores_by_class", "Scores by class", alt, caption, draw)


def _least_known(count: int) -> str:
    return "least known class" if count == 1 else f"{count} least known classes"


@dataclass(frozen=True)
class ScorerWeights:
    """What a scorer makes of its inputs.

    Attributes:
        weights: one for each of the inputs; of a scorer with a hidden layer, its mean slope on the
            report set.
        effect: standard deviation on the report set of what each of the four measures, the class probabilities
            together and the earlier scores together add to the score.
        linear: whether the scorer is.
    """

    weights: Floats
    effect: dict[str, float]
    linear: bool


def scorer_weights(inputs: Inputs) -> list[ScorerWeights]:
    """Of every exit but the last."""
    classes = of_classes(inputs.report, "report").num_classes
    features = inputs.report.features(inputs.policy.combiner)
    scores = inputs.report.scores(inputs.policy)
    result = []
    for k, tensors in enumerate(inputs.policy.scorers):
        x = np.concatenate([features[k], scores[:, :k]], axis=1).astype(np.float64)
        weight, bias = tensors[0].astype(np.float64), tensors[1].astype(np.float64)
        linear = len(tensors) == 2
        if linear:
            slope = weight[0]
        else:
            active = (x @ weight.T + bias > 0).mean(axis=0)
            slope = (active * tensors[2][0].astype(np.float64)) @ weight
        parts = x * slope
        effect = {name: float(parts[:, classes + i].std()) for i, name in enumerate(MEASURES)}
        effect["class probabilities"] = float(parts[:, :classes].sum(axis=1).std())
        if k:
            effect["earlier scores"] = float(parts[:, features[k].shape[1] :].sum(axis=1).std())
        result.append(ScorerWeights(slope, effect, linear))
    return result


def _weight_picture(inputs: Inputs) -> Picture:
    scorers = scorer_weights(inputs)
    classes, num_classes = shown_classes(inputs), of_classes(inputs.report, "report").num_classes
    num_features = eenet_rt.num_features(num_classes)
    names = [short_name(inputs.bundle.class_names[label]) for label in classes]
    rows = [*MEASURES, *(f"score of exit {j}" for j in range(len(scorers) - 1)), *names]
    table = np.full((len(rows), len(scorers)), np.nan)
    for k, scorer in enumerate(scorers):
        measures, earlier = scorer.weights[num_classes:num_features], scorer.weights[num_features:]
        table[: len(measures) + k, k] = np.r_[measures, earlier]
        table[len(rows) - len(names) :, k] = scorer.weights[classes]
    what = "weights" if all(s.linear for s in scorers) else "mean slopes (a scorer has a hidden layer)"
    most = "; ".join(_most_effect(k, scorer) for k, scorer in enumerate(scorers))
    alt = f"Table of the {what} of {policy_name(inputs.schedule.policy)}'s exit scores, by input and exit. {most}."
    caption = (
        f"{what[0].upper()}{what[1:]} of each input of the score, {'all' if len(classes) == num_classes else 'of'} "
        f"{len(classes)} classes from the least to the best known. What moves the score most, as standard deviation "
        f"over the report set: {most}."
    )

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(0.6 + 0.27 * len(rows))
        ax = figure.add_subplot()
        most = float(np.nanmax(np.abs(table))) or 1.0
        # Class weights are small beside that of the maximum: the square root keeps them visible.
        ax.imshow(
            np.sign(table) * np.sqrt(np.abs(table) / most), cmap=_diverging(scheme), vmin=-1, vmax=1, aspect="auto"
        )
        for (row, k), value in np.ndenumerate(table):
            if not math.isnan(value):
                ax.annotate(_signed(value), (k, row), ha="center", va="center", fontsize=9)
        ax.set_xticks(range(len(scorers)), [f"exit {k}" for k in range(len(scorers))])
        ax.set_yticks(range(len(rows)), rows)
        ax.axhline(2.5 + len(scorers), color=scheme.ink, linewidth=0.8)
        ax.tick_params(length=0)
        ax.xaxis.tick_top()
        ax.spines[:].set_visible(False)
        return figure

    return Picture("scorer_weights", "Weights of the exit scores", alt, caption, draw)


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    return "0" if float(text) == 0 else text


def _most_effect(k: int, scorer: ScorerWeights) -> str:
    ordered = sorted(scorer.effect.items(), key=lambda item: -item[1])[:2]
    return f"exit {k} " + " and ".join(f"{name} ({effect:.2f})" for name, effect in ordered)


def _diverging(scheme: Scheme) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    ends = {"light": ("#f1a35f", "#7fbbe0"), "dark": ("#a65a14", "#1f6a9c")}[scheme.name]
    return LinearSegmentedColormap.from_list("weights", [ends[0], scheme.paper, ends[1]])
