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
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.predictions import Predictions
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
    made = Predictions.load(tmp_path / "out.npz")
    assert np.abs(made.logits - tiny.report.logits[:150]).max() < 1e-4
    assert np.array_equal(made.labels, images.labels)
    assert made.index.tolist() == list(range(150))
    assert made.class_names == images.class_names
    runtime = eenet_rt.load(tiny.path)
    one = runtime.infer(tiny.inputs[7], policy=None, return_logits=True).logits
    assert one is not None
    assert np.abs(one - made.logits[7]).max() < 1e-5
    result = json.loads(capsys.readouterr().out)
    accuracy = (made.logits.argmax(axis=2) == made.labels[:, None]).mean(axis=0)
    assert result["exit_accuracy"] == pytest.approx(accuracy.tolist())
    assert result["samples"] == 150


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
    with pytest.raises(UserError, match=r"20 of 20 images have another size; .*png: 64 x 64 came, 32 x 32 expected"):
        bundle_images(spare, folder)
    with pytest.raises(UserError, match=r"larger\.npz: images of 64 x 64 came, 32 x 32 expected, not resized"):
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
