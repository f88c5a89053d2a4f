"""eenet-predict: what the bundle itself says of images, with labels by the names of its classes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.cli.predict import main
from eenet.cli.report import main as report_main
from eenet.cli.schedule import main as schedule_main
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.predictions import of_another_network
from eenet.tasks.registry import load_predictions
from eenet.workflows.predict import bundle_images, predict_images
from support.bundles import edit_manifest
from support.photos import write_folder


def test_logits_are_those_of_full_depth(
    tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tiny.report_images[:150]
    images.save(tmp_path / "images.npz")
    arguments = [str(tiny.path), "--data", str(tmp_path / "images.npz"), "--out", str(tmp_path / "out.npz")]
    assert main([*arguments, "--json"]) == 0
    made = load_predictions(tmp_path / "out.npz")
    assert np.abs(made.logits - tiny.report.logits[:150]).max() < 1e-4
    assert np.array_equal(made.labels, images.labels)
    assert made.index.tolist() == list(range(150))
    assert made.class_names == images.class_names
    runtime = eenet_rt.load(tiny.path)
    one = runtime.infer(tiny.inputs[7], policy=None, return_outputs=True).logits
    assert one is not None
    assert np.abs(one - made.logits[7]).max() < 1e-5
    result = json.loads(capsys.readouterr().out)
    accuracy = (made.logits.argmax(axis=2) == made.labels[:, None]).mean(axis=0)
    assert result["exit_accuracy"] == pytest.approx(accuracy.tolist())
    assert result["samples"] == 150
    assert made.network == tiny.checkpoint.id == json.loads((tiny.path / "manifest.json").read_text())["weights"]


def test_folders_in_another_order_are_matched_by_name(tiny: TrainedBundle, tmp_path: Path) -> None:
    images = tiny.report_images[:60]
    # CIFAR's own order of names, and that of folders, differ from each other: reverse the bundle's.
    names = images.class_names[::-1]
    moved = ImageSet(images.images, len(names) - 1 - images.labels, names)
    moved.save(tmp_path / "moved.npz")
    folder = write_folder(images, tmp_path / "folder")
    for data in (tmp_path / "moved.npz", folder):
        found = bundle_images(tiny.path, data)
        assert found.class_names == images.class_names
        made = predict_images(tiny.path, found)
        order = [int(Path(file).stem) for file in found.files] or list(range(60))
        assert np.array_equal(made.labels, images.labels[order])
        assert np.abs(made.logits - tiny.report.logits[order]).max() < 1e-4


def test_images_of_other_sizes_are_resized_as_declared(tiny: TrainedBundle, spare: Path, tmp_path: Path) -> None:
    images = tiny.report_images[:20]
    larger = dataclasses.replace(images, images=images.images.repeat(2, 1).repeat(2, 2))
    folder = write_folder(larger, tmp_path / "larger")
    assert bundle_images(spare, folder).images.shape[1:] == (32, 32, 3)
    larger.save(tmp_path / "larger.npz")
    edit_manifest(spare, lambda manifest: manifest["preprocessing"].pop("resize"))
    with pytest.raises(UserError, match=r"20 of 20 images have another size; .*png: 64 x 64 came.* no resizing"):
        bundle_images(spare, folder)
    with pytest.raises(UserError, match=r"larger\.npz: images of 64 x 64 came, 32 x 32 expected; the bundle declares"):
        bundle_images(spare, tmp_path / "larger.npz")


def test_refusals(tiny: TrainedBundle, spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = tiny.report_images[:20]
    dogs = dataclasses.replace(images, class_names=("wolf", *images.class_names[1:]))
    folder = write_folder(dogs, tmp_path / "dogs")
    eenet_rt.slice_bundle(tiny.path, 0, 2, tmp_path / "slice.eenet")
    images.save(tmp_path / "images.npz")
    edit_manifest(spare, lambda manifest: manifest.update(preprocessing={"kind": "none"}))
    for bundle, data, message in (
        (tiny.path, folder, f"{folder}: classes 'wolf' came, expected some of 'airplane'"),
        (tiny.path, tmp_path / "absent", "absent: No such file or directory"),
        (tmp_path / "absent.eenet", folder, "absent.eenet is not a bundle"),
        (tmp_path / "slice.eenet", tmp_path / "images.npz", "is a slice, expected the bundle of the whole network"),
        (spare, folder, "its manifest declares no preprocessing of images"),
    ):
        assert main([str(bundle), "--data", str(data), "--out", str(tmp_path / "out.npz")]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()
    for name in ("out.csv", "out.npz/", "out"):
        with pytest.raises(SystemExit, match="2"):
            main([str(tiny.path), "--data", str(folder), "--out", f"{tmp_path}/{name}"])
        assert f"{name}', expected the name of a file that ends in .npz" in capsys.readouterr().err


def test_predictions_of_another_network(
    tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same exits, same classes, other weights: told by the id that the file carries."""
    fit, report = tmp_path / "fit.npz", tmp_path / "report.npz"
    schedules, other = tmp_path / "s.safetensors", tmp_path / "other.npz"
    dataclasses.replace(tiny.validation, network=tiny.checkpoint.id).save(fit)
    dataclasses.replace(tiny.report, network=tiny.checkpoint.id).save(report)
    dataclasses.replace(tiny.report, network="weights:00").save(other)
    costs, policy = ("--costs", "1,2,3"), ("--policy", "maximum")
    assert command("fit", "--predictions", fit, *costs, "--budget", "70%", *policy, "--out", schedules) == 0
    evaluate = ("evaluate", "--schedule")
    assert command(*evaluate, schedules, "--predictions", report) == 0
    assert command(*evaluate, tiny.path, "--predictions", report) == 0
    capsys.readouterr()
    page = ("--out", tmp_path / "page" / "report.html")
    for run in (
        lambda: command(*evaluate, schedules, "--predictions", other),
        lambda: command(*evaluate, tiny.path, "--predictions", other),
        lambda: command("compare", "--val", fit, "--report", other, *costs, "--out", tmp_path / "compared"),
        lambda: report_main([*map(str, (tiny.path, "--predictions", other, *page))]),
    ):
        assert run() == 2
        error = capsys.readouterr().err
        assert f"{other}: holds predictions of another network than " in error
        assert error.count("\n") == 1
    # An id of another kind contradicts nothing, and logits of one's own have none.
    assert not of_another_network(tiny.checkpoint.id, ["ab" * 32])
    assert not of_another_network(None, [tiny.checkpoint.id])


def command(*arguments: object) -> int:
    return schedule_main([str(argument) for argument in arguments])
