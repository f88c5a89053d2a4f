"""``eenet-report``: the page in a browser, and its figures against the library's own."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

import eenet_rt
from conftest import TrainedBundle
from eenet.cli.report import main
from eenet.errors import UserError
from eenet.policies import EENetScheduler, LearnedStoppingScheduler, fit_combiner, save_schedules
from eenet.predictions import Predictions
from eenet.report import ReportSources, make_report
from eenet.report.assignments import assignment_section, sample_groups
from eenet.report.costs import cost_section, scheduler_parameters
from eenet.report.described import read_bundle
from eenet.report.fits import SimplePolicy
from eenet.report.inputs import Inputs
from eenet.report.quality import quality_section
from eenet.report.scores import score_section, scorer_weights, shown_classes
from eenet.report.style import DARK, LIGHT, number, render, short_name
from eenet.report.verdict import RULE
from eenet.workflows.evaluate import evaluate, evaluate_exits
from eenet.zoo import zoo_folder
from support.bundles import edit_manifest, list_files

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
)  # fmt: skip
PICTURES = {
    "samples_by_exit.png", "scores_by_class.png", "scorer_weights.png", "trade_off.png", "reliability.png",
}  # fmt: skip
OF_ABLATION = {"ablation.png", "alpha_cost.png"}
OF_IMAGES = {"group_examples.png", *(f"images_by_exit_{i}.png" for i in range(4))}
# What a bundle from elsewhere may call its classes: markup, a formula, a name without end, signs no font has.
HOSTILE = ("<script>alert(1)</script>", '"><img src=x>', r"$\frac{1}{", "x" * 250, "\U0001f40e\U00012000", "{{ 7*7 }}")


@dataclass(frozen=True)
class Made:
    """A page with what was printed."""

    page: Path
    result: dict[str, Any]
    bundle: Path
    report: Predictions


def make(bundle: Path, report: Predictions, folder: Path, *more: object) -> Made:
    report.save(folder / "test.npz")
    return make_of(bundle, report, folder, "--predictions", folder / "test.npz", *more)


def make_of(bundle: Path, report: Predictions, folder: Path, *more: object) -> Made:
    arguments = [bundle, "--out", folder / "out" / "report.html", "--json", *more]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main([str(argument) for argument in arguments]) == 0
    return Made(folder / "out" / "report.html", json.loads(out.getvalue()), bundle, report)


@pytest.fixture(scope="module")
def made(resnet56: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The page of resnet56 on 300 of 400 test images, out of order, its classes under hostile names."""
    folder = tmp_path_factory.mktemp("report")
    bundle = Path(shutil.copytree(resnet56.path, folder / "resnet56.eenet"))
    names = [*HOSTILE, *resnet56.report.class_names[len(HOSTILE) :]]
    edit_manifest(bundle, lambda manifest: manifest.update(class_names=names))
    resnet56.report_images.save(folder / "images.npz")
    rows = np.random.default_rng(0).permutation(400)[:300]
    return make(bundle, resnet56.report[rows], folder, "--images", folder / "images.npz")


def test_files(made: Made) -> None:
    folder = made.page.parent
    assert {path.name for path in folder.iterdir()} == {"report.html", "report_figures"}
    assert set(made.result["figures"]) == PICTURES | OF_IMAGES
    for name in made.result["figures"]:
        assert (folder / "report_figures" / name).read_bytes().startswith(b"\x89PNG")


def test_from_python(made: Made, tmp_path: Path) -> None:
    made.report.save(tmp_path / "test.npz")
    sources = ReportSources(made.bundle, predictions=tmp_path / "test.npz", schedule=0)
    report = make_report(sources, tmp_path / "report.html")
    assert report.page.is_file()
    assert report.figures == tuple(sorted(PICTURES, key=report.figures.index))
    schedule = eenet_rt.read_schedules(made.bundle / "scheduler.safetensors").schedules[0]
    outcome = evaluate(made.report, schedule.exit_policy, schedule.costs)
    assert report.verdict.inputs.outcome.accuracy == outcome.accuracy == report.to_json()["accuracy"]
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "data: expected either this or predictions"),
        ({"data": Path("a"), "predictions": Path("b")}, "data: expected either this or predictions"),
        ({"data": Path("a"), "images": Path("b")}, "images: came with data, which holds images"),
        ({"data": Path("a"), "schedule": 0, "budget": "65%"}, "schedule: came with budget, expected one of them"),
    ],
)
def test_python_names_arguments_and_commands_options(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=f"^{words}$") as caught:
        ReportSources(Path("b.eenet"), **given)
    assert caught.value.of_command().startswith("--")
    assert str(pickle.loads(pickle.dumps(caught.value))) == words


def test_names_are_text(made: Made) -> None:
    html = made.page.read_text()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html
    assert "{{ 7*7 }}" in html
    assert short_name("a\nb") == "a?b"
    assert short_name("x" * 20) == "x" * 15 + "…"
    assert short_name(HOSTILE[4])[1] == "?"


def test_figures_are_those_of_the_library(made: Made) -> None:
    result, file = made.result, eenet_rt.read_schedules(made.bundle / "scheduler.safetensors")
    assert result["schedule"] == file.active
    schedule = file.schedules[result["schedule"]]
    expected = evaluate(made.report, schedule.exit_policy, schedule.costs)
    assert result["accuracy"] == expected.accuracy
    assert result["mean_cost"] == expected.mean_cost
    assert result["full_depth_accuracy"] == (made.report.logits[:, -1].argmax(axis=1) == made.report.labels).mean()
    assert sum(result["groups"].values()) <= 300
    assert result["wall_time"]["images"] == 100
    assert result["wall_time"]["same_exits"] == 100
    assert result["wall_time"]["machine"]["load"] >= 0
    assert result["ablation"] is None
    assert result["simple_policy"]["mean_cost"] <= result["mean_cost"]
    html = made.page.read_text()
    assert f"{100 * expected.accuracy:.2f} %" in html
    assert f"{number(expected.mean_cost)} ms" in html
    assert file.network in html


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, Debian's; ``make test`` installs it."""
    if CHROMIUM is None:
        pytest.fail("chromium is not installed: run the tests with `make test`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(made: Made, browser: Any, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made.page.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [made.page.as_uri()]
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
    pictures = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.alt, i.currentSrc])")
    assert len(pictures) == len(PICTURES | OF_IMAGES)
    for complete, natural_width, alt, _ in pictures:
        assert complete
        assert natural_width > 300
        assert len(alt) > 30
    shown = page.locator(f'img[src="{pictures[0][3]}"]').count()
    assert shown == (1 if scheme == "light" else 0)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(c) for c in ground[4:-1].split(",")) > 600) == (scheme == "light")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    headings = page.locator("h1, h2").all_inner_texts()
    assert page.locator(".headline + .rule").inner_text() == RULE
    assert page.locator(".headline").inner_text() == made.result["verdict"]["headline"]
    worse = set(made.result["verdict"]["worse"])
    assert page.locator(".verdict .bad").count() == len(worse)
    assert headings == [
        "resnet56 with early exits", "Verdict", "Where samples leave", "Images by exit", "What the scores say",
        "What a budget buys", "What the exits cost", "Reliability", "How it was made",
    ]  # fmt: skip
    assert page.locator("table").count() == page.locator("table thead th[scope=col]:first-child").count() == 4
    # Wide tables scroll within their own box, which the keyboard reaches; a shadow shows that there is more.
    boxes = page.locator(".scroll[tabindex='0']")
    assert boxes.count() == 4
    wider = page.evaluate("[...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth).length")
    assert wider > 0
    if width == 375:  # where scroll bars hide until one scrolls, and a cut table looks like a whole one
        told = page.evaluate(
            "[...document.querySelectorAll('.scroll')].map(box => [box.scrollWidth > box.clientWidth,"
            " !!box.parentElement.querySelector('.sideways')?.offsetParent])"
        )
        assert len(told) == 4
        assert all(cut == hint for cut, hint in told), told
    attachment = boxes.first.evaluate("box => getComputedStyle(box).backgroundAttachment")
    assert attachment.startswith("local, local, scroll, scroll")
    context.close()


def test_without_images(tiny: TrainedBundle, tmp_path: Path) -> None:
    tiny.validation.save(tmp_path / "val.npz")
    made = make(tiny.path, tiny.report, tmp_path, "--schedule", 0, "--validation", tmp_path / "val.npz", "--seed", 3)
    assert set(made.result["figures"]) == PICTURES
    assert made.result["schedule"] == 0
    assert made.result["wall_time"]["images"] == 0
    assert made.result["wall_time"]["mean_ms"] > 0
    html = made.page.read_text()
    assert "100 samples of noise, which take as long ran to every exit" in html
    assert "Images by exit" not in html
    assert "val.npz, 2,000 samples" in html


def test_of_images_alone(tiny: TrainedBundle, tmp_path: Path) -> None:
    tiny.report_images[:120].save(tmp_path / "photos.npz")
    made = make_of(tiny.path, tiny.report[:120], tmp_path, "--data", tmp_path / "photos.npz")
    schedule = read_bundle(tiny.path).schedules[made.result["schedule"]]
    assert made.result["accuracy"] == evaluate(made.report, schedule.exit_policy, schedule.costs).accuracy
    assert made.result["samples"] == 120
    assert made.result["wall_time"]["same_exits"] == 100
    assert "120 samples of photos.npz" in made.page.read_text()


def test_words_of_the_command(tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.report[:300].save(tmp_path / "test.npz")
    out = tmp_path / "report.html"
    assert main([str(tiny.path), "--predictions", str(tmp_path / "test.npz"), "--out", str(out)]) == 0
    headline, rule, clauses, wrote = capsys.readouterr().out.splitlines()
    assert rule == RULE
    assert "1 point" in rule
    html = out.read_text()
    assert headline in html
    assert clauses.split(". ")[0] in html
    assert wrote.startswith(f"wrote {out} and 5 pictures")


def test_ablation(tiny: TrainedBundle, tmp_path: Path) -> None:
    made = make(tiny.path, tiny.report[:500], tmp_path, "--ablation")
    assert set(made.result["figures"]) == PICTURES | OF_ABLATION
    sweep = made.result["ablation"]["alpha_cost"]
    assert [point["cost_weight"] for point in sweep] == [1, 3, 10, 30, 100]
    assert all(0.9 < point["planned"] < 1.1 for point in sweep)
    assert "Ablation of EENet" in made.page.read_text()


def test_simple_policy_at_the_same_cost(tiny: TrainedBundle, tmp_path: Path) -> None:
    inputs = reporting_on(tiny, read_bundle(tiny.path).schedules[0].exit_policy, tmp_path)
    simple = SimplePolicy(inputs)
    for cost in (*inputs.costs, 0.5 * (inputs.costs[0] + inputs.costs[-1])):
        outcome = simple.at_cost(cost)
        assert cost * 0.97 < outcome.mean_cost <= cost * (1 + 1e-12)
    assert simple.at_cost(inputs.costs[-1]).accuracy == inputs.exit_accuracy[-1]


def test_costs_that_differ_are_both_named(tiny: TrainedBundle, tmp_path: Path) -> None:
    inputs = reporting_on(tiny, read_bundle(tiny.path).schedules[0].exit_policy, tmp_path)
    ours, cost = inputs.outcome, number(inputs.outcome.mean_cost)
    lower = 0.98 * ours.mean_cost
    assert f"at the same mean cost of {cost} ms." in assignment_section(inputs, ours, []).lead
    assert (
        f"at a mean cost of {number(lower)} ms, here {cost} ms."
        in assignment_section(inputs, replace(ours, mean_cost=lower), []).lead
    )


def test_frames_mean_one_thing(made: Made, resnet56: TrainedBundle) -> None:
    html = made.page.read_text()
    legends = [part for part in html.split("<figcaption>") if "orange" in part.split("</figcaption>")[0]]
    assert len(legends) == 5
    for part in legends:
        assert "orange dashed frame: wrong here, right at the last exit; no frame: wrong here and there." in part


def test_numbers() -> None:
    assert [number(x) for x in (1.4, 0.0123, 23.456, 999.9, 1234567)] == [
        "1.40",
        "0.0123",
        "23.5",
        "1,000",
        "1,234,567",
    ]
    assert number(4.73, 4) == "4.730"
    assert number(0) == "0"


def test_groups_by_hand() -> None:
    costs, labels = np.array([1.0, 2.0, 4.0]), np.zeros(10, np.int64)
    #                       A  B  C  D  E  later  later, wrong  not later  lost earlier  lost
    ours = np.array([1, 0, 2, 0, 1, 2, 2, 1, 0, 1]), np.array([0, 0, 0, 1, 1, 0, 1, 0, 1, 1])
    rival = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0, 1, 1, 0, 0])
    groups = sample_groups(evaluate_exits(*ours, labels, costs), evaluate_exits(*rival, labels, costs), labels)
    assert [group.letter for group in groups] == ["A", "B", "C", "D", "E", "", "", "", "", ""]
    assert [group.rows.tolist() for group in groups] == [[i] for i in range(10)]


def reporting_on(bundle: TrainedBundle, policy: eenet_rt.ExitPolicy, folder: Path) -> Inputs:
    """Inputs with a schedule of this policy in place of the bundle's."""
    path = Path(shutil.copytree(bundle.path, folder / "other.eenet"))
    file = eenet_rt.read_schedules(path / "scheduler.safetensors")
    (kept,) = file.schedules[:1]
    schedule = kept.replace(exit_policy=policy, score_edges=None, score_shares=None, agreement=None)
    save_schedules(path / "scheduler.safetensors", [schedule], network=file.network, active=0)
    list_files(path, "scheduler.safetensors")
    return Inputs(read_bundle(path), 0, bundle.report, bundle.validation, None, {}, 0, 0)


def draw(inputs: Inputs) -> None:
    for section in (score_section(inputs), quality_section(inputs), cost_section(inputs)):
        for picture in section.pictures:
            for scheme in (LIGHT, DARK):
                assert render(picture.draw, scheme).startswith(b"\x89PNG")


def test_hidden_layer_and_disabled_exit(tiny: TrainedBundle, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    scorers = []
    for k in range(2):
        # All units are active, so that the slope is the product of the two layers.
        weight = random.random((6, 14 + k), np.float32)
        scorers.append((weight, np.ones(6, np.float32), random.random((1, 6), np.float32), np.zeros(1, np.float32)))
    policy = eenet_rt.ExitPolicy(10, scorers, [np.inf, 5.0, 0.0], clamp=True)
    inputs = reporting_on(tiny, policy, tmp_path)
    weights = scorer_weights(inputs)
    for scorer, (weight, _, out, _) in zip(weights, scorers, strict=True):
        assert not scorer.linear
        assert scorer.weights == pytest.approx((out @ weight)[0], rel=1e-5)
    assert scheduler_parameters(inputs) == [6 * 14 + 13, 6 * 29 + 26, 6 * 29 + 26]
    assert "hidden layer" in score_section(inputs).pictures[1].caption
    (table,) = quality_section(inputs).tables
    assert [row[-1] == "-" for row in table.rows] == [True, False, True]
    draw(inputs)


def test_combined_exits_and_unclamped_scores(tiny: TrainedBundle, tmp_path: Path) -> None:
    fit_set, calibration_set = tiny.validation.split(0.5, seed=0)
    costs = read_bundle(tiny.path).schedules[0].costs
    scheduler = LearnedStoppingScheduler(combiner=fit_combiner(fit_set))
    scheduler.fit(fit_set, calibration_set, costs, 0.7 * costs[-1])
    inputs = reporting_on(tiny, scheduler.exit_policy_, tmp_path)
    assert all(scorer.linear for scorer in scorer_weights(inputs))
    assert scheduler_parameters(inputs) == [15 + 11, 15 + 11 + 16 + 12, 15 + 11 + 16 + 12 + 13]
    draw(inputs)


def test_a_hundred_classes(densenet121: TrainedBundle, tmp_path: Path) -> None:
    (schedule, *_) = read_bundle(densenet121.path).schedules
    inputs = reporting_on(densenet121, schedule.exit_policy, tmp_path)
    shown = shown_classes(inputs)
    assert len(shown) == 10
    right = inputs.report.logits[:, -1].argmax(axis=1) == inputs.report.labels
    accuracy = [right[inputs.report.labels == label].mean() for label in shown]
    assert accuracy == sorted(accuracy)
    assert accuracy[4] < right.mean() < accuracy[5]
    draw(inputs)


def test_planned_shares() -> None:
    fit_set, calibration_set = Predictions.load(zoo_folder("resnet56") / "validation.npz").split(0.5, seed=0)
    costs = [0.83, 1.69, 2.46]
    scheduler = EENetScheduler().fit(fit_set, calibration_set, costs, 1.5)
    assert scheduler.planned_shares_.sum() == pytest.approx(1)
    assert scheduler.planned_shares_ @ costs == pytest.approx(1.5, rel=0.05)
    fixed = EENetScheduler(learn_shares=False)
    fixed.fit(fit_set, calibration_set, costs, 1.5)
    assert fixed.planned_shares_ is None
