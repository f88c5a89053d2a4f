"""``eenet-report``: the page in a browser, and its figures against the library's own."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

import eenet_rt
from conftest import TrainedBundle
from eenet.cli.report import main
from eenet.errors import UserError
from eenet.report import ReportSources, make_report
from eenet.report.described import read_bundle
from eenet.report.page import Clause, Page, write_page
from eenet.report.style import short_name
from eenet.tasks.classification import ClassPredictions
from eenet.text import number
from eenet.workflows.evaluate import evaluate
from support.bundles import edit_manifest

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
    report: ClassPredictions


def make(bundle: Path, report: ClassPredictions, folder: Path, *more: object) -> Made:
    report.save(folder / "test.npz")
    return make_of(bundle, report, folder, "--predictions", folder / "test.npz", *more)


def make_of(bundle: Path, report: ClassPredictions, folder: Path, *more: object) -> Made:
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
    assert result["wall_time"]["reported"] == 100
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


@pytest.mark.parametrize("width", [375, 1100, 1280])
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
    assert page.locator(".headline + .rule").inner_text().startswith("It pays where the upper end of the 95 % interval")
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
    wider = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)"
        ".map(box => box.getAttribute('aria-labelledby'))"
    )
    assert "trade-off-table-1" in wider
    assert ("exits-table-1" in wider) == (width == 375)  # words take more lines where there is room for numbers
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


def test_commands_are_code(tmp_path: Path) -> None:
    text = 'Go on: `eenet-schedule refit <b> --measure`, "then" `x`.'
    page = Page("t", Clause("headline", text, bad=False), text, [Clause("cost", text, bad=True)], [])
    assert write_page(page, tmp_path / "report.html") == []
    html = (tmp_path / "report.html").read_text()
    assert html.count("Go on: <code>eenet-schedule refit &lt;b&gt; --measure</code>, ") == 3
    assert "`" not in html


def test_without_images(tiny: TrainedBundle, tmp_path: Path) -> None:
    tiny.validation.save(tmp_path / "val.npz")
    made = make(tiny.path, tiny.report, tmp_path, "--schedule", 0, "--validation", tmp_path / "val.npz", "--seed", 3)
    assert set(made.result["figures"]) == PICTURES
    assert made.result["schedule"] == 0
    assert made.result["wall_time"]["reported"] == 0
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
    assert "the 95 % interval of the loss of accuracy is at most 1 point, cost is saved" in rule
    assert "other images of the same kind" in rule
    html = out.read_text()
    assert rule in html
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


def test_frames_mean_one_thing(made: Made, resnet56: TrainedBundle) -> None:
    html = made.page.read_text()
    legends = [part for part in html.split("<figcaption>") if "orange" in part.split("</figcaption>")[0]]
    assert len(legends) == 5
    for part in legends:
        assert "orange dashed frame: wrong here, right at the last exit; no frame: wrong here and there." in part
