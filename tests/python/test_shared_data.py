"""What can only be asked of the whole data sets, which are not part of the repository."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from conftest import DATA
from eenet.checkpoint import load_checkpoint
from eenet.data import ImageSet, load_images
from eenet.training import predict
from eenet.zoo import zoo_folder

pytestmark = pytest.mark.shared_data

ROOT = Path(__file__).resolve().parents[2]


def test_packed_images_are_those_of_the_data_set(shared: Path, cifar10: ImageSet, tmp_path: Path) -> None:
    original = load_images(shared / "data" / "cifar10_test.npz")[: len(cifar10)]
    assert cifar10.class_names == original.class_names
    assert np.array_equal(cifar10.labels, original.labels)
    difference = cifar10.images.astype(int) - original.images
    assert np.sqrt((difference**2).mean(axis=(1, 2, 3))).max() < 32
    assert (DATA / "cifar10.npz").stat().st_size < 3e6


def test_the_tool_makes_the_packed_images(
    shared: Path, cifar10: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "cifar10.npz"
    monkeypatch.setattr("sys.argv", ["make_test_data.py", str(shared / "data" / "cifar10_test.npz"), str(out)])
    runpy.run_path(str(ROOT / "tools" / "make_test_data.py"), run_name="__main__")
    again = load_images(out)
    assert again.class_names == cifar10.class_names
    assert np.array_equal(again.labels, cifar10.labels)
    assert np.abs(again.images.astype(int) - cifar10.images).mean() < 1, "another Pillow may round otherwise, no more"


@pytest.mark.parametrize(("model", "data"), [("resnet56", "cifar10"), ("densenet121", "cifar100")])
def test_shipped_weights_are_as_accurate_as_they_say(shared: Path, model: str, data: str) -> None:
    checkpoint = load_checkpoint(zoo_folder(model) / "weights.safetensors")
    images = load_images(shared / "data" / f"{data}_test.npz")
    predictions = predict(checkpoint.network, images, checkpoint.preprocessing)
    accuracy = (predictions.logits.argmax(axis=2) == predictions.labels[:, None]).mean(axis=0)
    assert accuracy == pytest.approx(checkpoint.training["accuracy"]["test"], abs=0.0006)
