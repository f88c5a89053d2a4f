"""What ``eenet-report`` refuses, in one line and with nothing written."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import TrainedBundle
from eenet.cli.report import main
from eenet.tasks.registry import load_predictions
from support.bundles import edit_manifest

Spoil = Callable[[Path, list[str]], None]


def replacing_argument(name: str, value: str) -> Spoil:
    def spoil(folder: Path, arguments: list[str]) -> None:
        arguments += [name, value.format(folder=folder)]

    return spoil


def with_images(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Spoil:
    def spoil(folder: Path, arguments: list[str]) -> None:
        report = load_predictions(folder / "test.npz")
        images = np.zeros((len(report), 32, 32, 3), np.uint8)
        np.savez(folder / "i.npz", **change({"images": images, "labels": report.labels, "classes": np.arange(10)}))
        arguments += ["--images", str(folder / "i.npz")]

    return spoil


def with_logits(change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    def spoil(folder: Path, arguments: list[str]) -> None:
        report = load_predictions(folder / "test.npz")
        np.savez(folder / "test.npz", logits=change(report.logits), labels=report.labels)

    return spoil


def with_calibration_samples(folder: Path, arguments: list[str]) -> None:
    report, validation = load_predictions(folder / "test.npz"), load_predictions(folder / "val.npz")
    logits = np.concatenate([report.logits, validation.logits[:300]])
    np.savez(folder / "test.npz", logits=logits, labels=np.concatenate([report.labels, validation.labels[:300]]))


def damaged_schedules(folder: Path, arguments: list[str]) -> None:
    with open(folder / "b.eenet" / "scheduler.safetensors", "ab") as file:
        file.write(b" ")


def without_calibration(folder: Path, arguments: list[str]) -> None:
    (folder / "b.eenet" / "calibration.safetensors").unlink()


def unlisted_calibration(folder: Path, arguments: list[str]) -> None:
    edit_manifest(folder / "b.eenet", lambda manifest: manifest["files"].pop("calibration.safetensors"))


def without_costs(folder: Path, arguments: list[str]) -> None:
    edit_manifest(folder / "b.eenet", lambda manifest: manifest["profiles"][0].pop("costs"))


def folder_in_place(folder: Path, arguments: list[str]) -> None:
    (folder / "page.html").mkdir()
    replacing_argument("--out", "{folder}/page.html")(folder, arguments)


def other_files_beside(folder: Path, arguments: list[str]) -> None:
    (folder / "report_figures").mkdir()
    (folder / "report_figures" / "thesis.tex").touch()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder, arguments: shutil.rmtree(folder / "b.eenet"),
            "is not a bundle: No such file or directory; exp",
        ),
        (
            lambda folder, arguments: (folder / "b.eenet" / "manifest.json").write_text("[1"),
            "manifest.json: malformed: JSONDecodeError",
        ),
        (damaged_schedules, "expected by the manifest"),
        (without_costs, "manifest.json: profiles[0]: the key 'costs' is missing"),
        (unlisted_calibration, "holds no calibration.safetensors: give --validation"),
        (without_calibration, "'calibration.safetensors' is in the manifest, expected a regular file"),
        (with_logits(lambda x: x[:, :2].copy()), "got 2 exits, 10 classes, the bundle's tiny has 3 and 10"),
        (with_logits(lambda x: x * np.float32(np.nan)), "logits: row 0 is not finite"),
        (with_calibration_samples, "samples are among those that policies were fitted on"),
        (replacing_argument("--predictions", "{folder}/none.npz"), "none.npz: No such file or directory"),
        (replacing_argument("--data", "{folder}/i.npz"), "--data: not allowed with argument --predictions"),
        (replacing_argument("--validation", "{folder}/other.npz"), "other.npz: got 3 exits, 4 classes"),
        (replacing_argument("--schedule", "6"), "--schedule: got 6, the bundle has schedules 0 to"),
        (replacing_argument("--schedule", "first"), "argument --schedule: got 'first', expected a whole number"),
        (replacing_argument("--budget", "1e-6"), "--budget: got 1e-06 ms, the smallest of the schedules is"),
        (replacing_argument("--out", "{folder}/test.npz/report.html"), "test.npz is not a folder, expected"),
        (folder_in_place, "page.html is a folder, expected a file name such as report.html"),
        (replacing_argument("--out", "{folder}/x.pdf"), "x.pdf', expected the name of a file that ends in .html"),
        (replacing_argument("--out", "{folder}/x.html/"), "x.html/', expected the name of a file that ends in .html"),
        (other_files_beside, "report_figures holds thesis.tex, which a report would replace"),
        (
            with_images(lambda x: x | {"labels": (x["labels"] + 1) % 10}),
            "labels differ from those of the predictions, that of image 0 is",
        ),
        (
            with_images(lambda x: x),
            "the bundle gives other logits for 100 of 100 images of i.npz, expected predictions",
        ),
        (
            with_images(lambda x: x | {"images": x["images"][:50], "labels": x["labels"][:50]}),
            "has 50 images, the predictions are of images 0 to 1999",
        ),
        (
            with_images(lambda x: x | {"images": np.zeros((2000, 28, 28, 3), np.uint8)}),
            "expected uint8 of shape (..., 32, 32, 3)",
        ),
    ],
)
def test_wrong_input(
    spoil: Spoil, message: str, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny.path, tmp_path / "b.eenet")
    replace(tiny.report, index=np.arange(len(tiny.report))).save(tmp_path / "test.npz")
    tiny.validation.save(tmp_path / "val.npz")
    np.savez(tmp_path / "other.npz", logits=np.zeros((9, 3, 4), np.float32), labels=np.zeros(9, np.int64))
    out = tmp_path / "report.html"
    arguments = [str(tmp_path / "b.eenet"), "--predictions", str(tmp_path / "test.npz"), "--out", str(out)]
    spoil(tmp_path, arguments)
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    error = capsys.readouterr().err
    assert status == 2
    assert message in error
    assert error.startswith("eenet-report: error: ")
    assert error.count("\n") == 1
    assert not out.exists()


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["bundle", "--predictions", "p.npz", "--out", "report.html"]) == 2
    assert "eenet-report: error: matplotlib is not installed; it comes by: pip install" in capsys.readouterr().err
