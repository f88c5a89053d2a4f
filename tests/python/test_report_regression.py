"""``eenet-report`` on a network that answers with numbers: its words, and its figures against the library's own."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from conftest import TrainedBundle
from eenet.cli.report import main
from eenet.report import Report, ReportSources, make_report
from eenet.report.difference import Difference
from eenet.report.regression import answer_sections, exit_sections
from eenet.report.style import LIGHT
from eenet.report.terms import VALUE_TERMS
from eenet.tasks.registry import load_predictions
from eenet.tasks.regression import ValuePredictions
from eenet.text import number
from eenet.workflows.evaluate import evaluate
from support.values import Trained, made_up, train_table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_table(tmp_path_factory.mktemp("regression"))


@pytest.fixture(scope="module")
def made(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of the rows of a table, which the bundle sees."""
    return make_report(ReportSources(trained.bundle, data=trained.test), tmp_path_factory.mktemp("r") / "report.html")


def test_figures_are_those_of_the_library(made: Report, trained: Trained) -> None:
    inputs, result = made.verdict.inputs, made.to_json()
    report = inputs.report
    assert isinstance(report, ValuePredictions)
    logged = load_predictions(trained.run / "test.npz")
    assert isinstance(logged, ValuePredictions)
    assert report.error_scale == logged.error_scale
    done = evaluate(report, inputs.policy, inputs.schedule.costs)
    assert result["quality"] == done.accuracy
    assert {name: result[name] for name in ("mse", "mae")} == done.figures
    assert result["full_depth_quality"] == pytest.approx(report.qualities()[:, -1].mean())
    errors = np.abs(done.answers.astype(np.float64) - report.targets)
    assert list(result["target_mae"]) == ["height", "depth"]
    assert list(result["target_mae"].values()) == pytest.approx(errors.mean(axis=0))
    assert "groups" not in result
    assert result["wall_time"]["reported"] == 100
    assert result["wall_time"]["same_exits"] >= 99
    json.dumps(result, allow_nan=False)


def test_words_are_of_the_task(made: Report) -> None:
    words = re.sub(r"data:image/png[^\"]*", "", html.unescape(made.page.read_text()).split("</style>")[1])
    for word in ("image", "classes", "accuracy", "logits", "right answer"):
        assert word not in words, word
    report, outcome = made.verdict.inputs.report, made.verdict.inputs.outcome
    assert isinstance(report, ValuePredictions)
    assert f"The quality of an answer is 1 - min(1, error / {number(report.error_scale, 4)})" in words
    assert f"Mean quality {100 * outcome.accuracy:.2f} % over 300 samples, " in words
    for name in ("mse", "mae"):
        full = report.figures(report.values[:, -1])[name]
        assert f'{name.upper()}</dt><dd class="value">{number(outcome.figures[name], 4)}</dd>' in words
        assert f"full depth {number(full, 4)}" in words
    assert "smallest correction, geometric shares" in words
    assert set(made.figures) == {
        "trade_off.png", "errors_by_exit.png", "quality_by_score.png",
        *(f"{what}_{d}.png" for what in ("exits_by_target", "values") for d in range(2)),
    }  # fmt: skip


def test_what_is_drawn(made: Report) -> None:
    inputs = made.verdict.inputs
    report, exits = inputs.report, inputs.outcome.exits
    assert isinstance(report, ValuePredictions)
    where, scores = exit_sections(inputs, made.verdict.simple)
    by_target = where.pictures[1].draw(LIGHT)
    lowest = np.argsort(report.targets[:, 0], kind="stable")[:60]
    widths = [bars[0].get_width() for bars in by_target.axes[0].containers]
    assert widths == pytest.approx([100 * (exits[lowest] == k).mean() for k in range(4)])
    by_score = scores.pictures[0].draw(LIGHT)
    qualities = by_score.axes[0].lines[0].get_ydata()
    assert np.mean(qualities) == pytest.approx(100 * report.qualities()[:, 0].mean())
    (values, targets) = answer_sections(inputs)[0].pictures
    figure = values.draw(LIGHT)
    points = [line for line in figure.axes[0].lines if str(line.get_label()).startswith("exit")]
    assert [len(line.get_xdata()) for line in points] == np.bincount(exits, minlength=4).tolist()
    assert "depth" in targets.title
    plt.close("all")


def test_samples_by_exit_are_counted(made: Report) -> None:
    inputs = made.verdict.inputs
    (table,) = exit_sections(inputs, made.verdict.simple)[0].tables
    assert [int(row[1]) for row in table.rows] == np.bincount(inputs.outcome.exits, minlength=4).tolist()
    k = int(inputs.outcome.exits[0])
    left = inputs.outcome.qualities[inputs.outcome.exits == k]
    assert table.rows[k][3] == f"{100 * left.mean():.2f} %"


def test_differences_of_qualities() -> None:
    random = np.random.default_rng(0)
    ours, theirs = random.random(400), random.random(400)
    difference = Difference.of(ours, theirs)
    assert difference.points == pytest.approx(100 * (ours - theirs).mean())
    # With a sample more either way, as where answers are right or wrong.
    more = np.r_[ours - theirs, 1, -1]
    assert difference.half_width == pytest.approx(100 * 1.959964 * more.std() / np.sqrt(402))


def test_values_that_are_worth_nothing() -> None:
    report = made_up(200)
    assert VALUE_TERMS.doubt(report, (report.values[:, 0], report.values[:, -1])) is None
    mixed = replace(report, targets=report.targets[::-1].copy())
    assert "no smaller than those of the mean of the targets" in str(VALUE_TERMS.doubt(mixed, (mixed.values[:, -1],)))
    same = replace(report, targets=np.ones_like(report.targets))
    assert "all of them have the same targets" in str(VALUE_TERMS.doubt(same, (same.values[:, -1],)))


def test_predictions_are_measured_as_the_bundle_does(trained: Trained, made: Report, tmp_path: Path) -> None:
    logged = load_predictions(trained.run / "test.npz")
    assert isinstance(logged, ValuePredictions)
    replace(logged, error_scale=7 * logged.error_scale).save(tmp_path / "p.npz")
    report = make_report(ReportSources(trained.bundle, predictions=tmp_path / "p.npz"), tmp_path / "r.html")
    assert report.to_json()["quality"] == pytest.approx(made.to_json()["quality"], abs=0.01)
    assert "samples of noise" in (tmp_path / "r.html").read_text()


def test_what_is_refused(
    trained: Trained, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test, out = str(trained.run / "test.npz"), ["--out", str(tmp_path / "r.html")]
    tiny.report[:300].save(tmp_path / "classes.npz")
    classes = str(tmp_path / "classes.npz")
    made_up(100, exits=4).save(tmp_path / "other.npz")
    for bundle, arguments, message in (
        (trained.bundle, ["--predictions", classes], "got predictions of classification, expected regression"),
        (tiny.path, ["--predictions", test], "got predictions of regression, expected classification"),
        (trained.bundle, ["--predictions", test, "--validation", classes], "expected regression"),
        (trained.bundle, ["--predictions", test, "--images", test], "--images: came for a bundle of the task regressi"),
        (trained.bundle, ["--predictions", str(tmp_path / "other.npz")], "got 4 exits, 1 target, the bundle's tabular"),
    ):
        assert main([str(bundle), *arguments, *out]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()
