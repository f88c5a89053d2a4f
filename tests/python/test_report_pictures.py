"""What is drawn in a report's pictures, by the numbers behind them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes

from conftest import TrainedBundle
from eenet.report.assignments import assignment_section, sample_groups
from eenet.report.costs import cost_section
from eenet.report.curves import curve_section
from eenet.report.described import read_bundle
from eenet.report.fits import SimplePolicy
from eenet.report.images import image_section
from eenet.report.inputs import Inputs
from eenet.report.quality import quality_section
from eenet.report.scores import score_section
from eenet.report.style import LIGHT, policy_name
from eenet.workflows.evaluate import evaluate, evaluate_oracle


@pytest.fixture(scope="module")
def inputs(tiny: TrainedBundle) -> Inputs:
    return Inputs(read_bundle(tiny.path), 0, tiny.report, tiny.validation, None, {}, 0, 0)


def lines_of(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    return {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def test_trade_off(inputs: Inputs) -> None:
    (picture,) = curve_section(inputs, simple := SimplePolicy(inputs)).pictures
    figure = picture.draw(LIGHT)
    (axes,) = figure.axes
    lines = lines_of(axes)
    outcomes = [evaluate(inputs.report, s.exit_policy, s.costs) for s in inputs.bundle.schedules]
    ours = lines[policy_name(inputs.schedule.policy)]
    assert ours == ([o.mean_cost for o in outcomes], [100 * o.accuracy for o in outcomes])
    simples = [simple.at_cost(o.mean_cost) for o in outcomes]
    assert lines[inputs.terms.simple_name] == ([s.mean_cost for s in simples], [100 * s.accuracy for s in simples])
    costs, accuracies = lines["oracle"]
    best = evaluate_oracle(inputs.report, list(inputs.costs), float(inputs.costs[-1]), inputs.policy.combiner)
    assert (costs[-1], accuracies[-1]) == (best.mean_cost, 100 * best.accuracy)
    assert costs == sorted(costs)
    outcome = inputs.outcome
    assert lines["this report's schedule"] == ([outcome.mean_cost], [100 * outcome.accuracy])
    assert lines["one exit for all"] == (list(inputs.costs), list(100 * inputs.exit_accuracy))
    assert lines["network without exits"] == ([inputs.static_cost], [100 * inputs.exit_accuracy[-1]])
    plt.close(figure)


def test_images_and_frames(inputs: Inputs, tiny: TrainedBundle) -> None:
    ours = inputs.outcome
    groups = sample_groups(ours, ours)
    picture, *_ = image_section(inputs, tiny.report_images, ours, groups).pictures
    figure = picture.draw(LIGHT)
    shown = [group for group in groups if group.letter]
    assert len(figure.axes) == len(shown)
    assert any(len(group.rows) == 0 for group in shown)
    for axes, group in zip(figure.axes, shown, strict=True):
        assert len(axes.images) == min(len(group.rows), 8)
        # Against itself nothing moves: the groups hold those that are right, or wrong, in both.
        for image, frame in zip(axes.images, axes.patches, strict=False):
            left, right, bottom, top = image.get_extent()
            assert (right - left, bottom - top) == pytest.approx((frame.get_width() - 4, frame.get_height() - 4), abs=4)
        texts = [text for text in axes.texts if text.get_text() == "none"]
        assert len(texts) == (len(group.rows) == 0)
        for text in texts:
            (x, y), (low, high), (bottom, top) = text.xy, axes.get_xlim(), axes.get_ylim()
            assert low <= x <= high / 4
            assert min(bottom, top) <= y <= max(bottom, top)
    plt.close(figure)


def test_axes_say_what_they_are_of(inputs: Inputs) -> None:
    simple = SimplePolicy(inputs)
    groups = sample_groups(inputs.outcome, inputs.outcome)
    sections = [
        assignment_section(inputs, inputs.outcome, groups), score_section(inputs), curve_section(inputs, simple),
        cost_section(inputs), quality_section(inputs),
    ]  # fmt: skip
    pictures = [picture for section in sections for picture in section.pictures]
    assert len(pictures) == 5
    for picture in pictures:
        figure = picture.draw(LIGHT)
        figure.canvas.draw()
        for axes in figure.axes:
            sides = (
                (axes.get_xticklabels(), axes.get_xlabel() or figure.get_supxlabel()),
                (axes.get_yticklabels(), axes.get_ylabel() or figure.get_supylabel()),
            )
            for ticks, label in sides:
                numbers = [tick.get_text() for tick in ticks if tick.get_text().replace(".", "").isdigit()]
                assert label or not numbers, f"{picture.name}: {numbers} of nothing"
        plt.close(figure)
