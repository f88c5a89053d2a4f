"""Image files, predictions files, checkpoints: what goes in comes out, and malformed ones are refused in one line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.data import ImageSet, load_images
from eenet.errors import UserError
from eenet.preprocessing import ImagePreprocessing
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from support import tiny


def save_sheet(path: Path, sheet: np.ndarray, count: int) -> None:
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG")
    np.savez(path, sheet0=np.frombuffer(file.getvalue(), np.uint8), labels=np.arange(count) % 10)


def test_sheets_are_decoded_in_order(tmp_path: Path) -> None:
    # Tile n holds n in its red and green, its row of pixels in its blue.
    sheet = np.zeros((4 * 3, 100 * 3, 3), np.uint8)
    for n in range(400):
        row, column = divmod(n, 100)
        tile = sheet[row * 3 : row * 3 + 3, column * 3 : column * 3 + 3]
        tile[..., 0], tile[..., 1], tile[..., 2] = n // 256, n % 256, np.arange(3)[:, None]
    save_sheet(tmp_path / "sheets.npz", sheet, 400)
    images = load_images(tmp_path / "sheets.npz").images
    assert images.shape == (400, 3, 3, 3)
    assert (images[..., 0].astype(int) * 256 + images[..., 1] == np.arange(400)[:, None, None]).all()
    assert (images[..., 2] == np.arange(3)[:, None]).all()


@pytest.mark.parametrize("shape", [(6, 250), (5, 200), (3, 50)])
def test_sheets_of_no_whole_tiles(tmp_path: Path, shape: tuple[int, int]) -> None:
    save_sheet(tmp_path / "sheets.npz", np.zeros((*shape, 3), np.uint8), 300)
    with pytest.raises(UserError, match=f"sheet0: {shape[1]} x {shape[0]} pixels, expected square tiles, 100 in a row"):
        load_images(tmp_path / "sheets.npz")


def test_images_come_back(cifar10: ImageSet, tmp_path: Path) -> None:
    cifar10[:20].save(tmp_path / "images.npz")
    again = load_images(tmp_path / "images.npz")
    assert np.array_equal(again.images, cifar10.images[:20])
    assert np.array_equal(again.labels, cifar10.labels[:20])
    assert again.class_names == cifar10.class_names


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(2, int)}, "expected labels and images"),
        ({"images": np.zeros((2, 4, 4, 3), np.float32), "labels": np.zeros(2, int)}, "expected uint8"),
        ({"images": np.zeros((2, 4, 4, 3), np.uint8), "labels": np.zeros(3, int)}, "one an image"),
        ({"images": np.zeros((2, 4, 4, 3), np.uint8), "labels": np.array([0, -1])}, "labels range from -1"),
        (
            {"images": np.zeros((1, 4, 4, 3), np.uint8), "labels": np.array([2]), "classes": np.array(["a", "b"])},
            "expected 0 to 1",
        ),
    ],
)
def test_malformed_images(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "images.npz", **arrays)
    with pytest.raises(UserError, match=message):
        load_images(tmp_path / "images.npz")


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 cut off")
    for load in (load_images, load_predictions):
        with pytest.raises(UserError, match=r"x\.npz"):
            load(tmp_path / "x.npz")


def test_preprocessing_is_the_formula_of_the_format(cifar10: ImageSet) -> None:
    preprocessing = ImagePreprocessing.fit(cifar10.images)
    pixels = cifar10.images / 255
    assert preprocessing.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), abs=1e-4)
    assert preprocessing.std == pytest.approx(pixels.std(axis=(0, 1, 2)), abs=1e-4)
    batch = preprocessing(cifar10.images[:3])
    expected = (pixels[:3] - preprocessing.mean) / preprocessing.std
    assert batch.shape == (3, 3, 32, 32)
    assert batch.dtype == np.float32
    assert np.abs(batch - expected.transpose(0, 3, 1, 2)).max() < 1e-6
    assert ImagePreprocessing.from_json(preprocessing.to_json()) == preprocessing


def test_preprocessing_refuses_other_images() -> None:
    preprocessing = ImagePreprocessing((32, 32), (0.5,) * 3, (0.2,) * 3)
    with pytest.raises(UserError, match=r"got uint8 of shape \(1, 16, 16, 3\)"):
        preprocessing(np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(UserError, match="expected image/CHW"):
        ImagePreprocessing.from_json({**preprocessing.to_json(), "layout": "HWC"})


def predictions(samples: int = 6) -> ClassPredictions:
    logits = np.random.default_rng(0).normal(size=(samples, 3, 4)).astype(np.float32)
    return ClassPredictions(logits, np.arange(samples) % 4, np.arange(samples) + 100, ("a", "b", "c", "d"))


def test_predictions_come_back(tmp_path: Path) -> None:
    before = predictions()
    before.save(tmp_path / "p.npz")
    after = load_predictions(tmp_path / "p.npz")
    assert np.array_equal(before.logits, after.logits)
    assert np.array_equal(before.labels, after.labels)
    assert np.array_equal(before.index, after.index)
    assert after.class_names == before.class_names


def test_split_is_seeded_and_disjoint() -> None:
    first, second = predictions(100).split(0.3, seed=1)
    assert (len(first), len(second)) == (30, 70)
    assert sorted([*first.index, *second.index]) == list(range(100, 200))
    assert np.array_equal(first.index, predictions(100).split(0.3, seed=1)[0].index)
    assert not np.array_equal(first.index, predictions(100).split(0.3, seed=2)[0].index)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"logits": np.zeros((4, 3), np.float32)}, r"expected float32 \(N, K, C\)"),
        ({"logits": np.zeros((4, 3, 4), int)}, "got int64"),
        ({"logits": np.zeros((4, 1, 4), np.float32)}, "K >= 2"),
        ({"labels": np.array([0, 1, 2, 4])}, "got 0 to 4, expected 0 to 3"),
        ({"labels": np.zeros(3, int)}, "logits and labels: got shapes"),
        ({"labels": np.zeros(4)}, "expected integers"),
        ({"logits": np.full((4, 3, 4), np.nan, np.float32)}, "row 0 is not finite"),
        ({"class_names": np.array(["a"])}, "class_names: got 1, expected 4"),
    ],
)
def test_malformed_predictions(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    good = {"logits": np.zeros((4, 3, 4), np.float32), "labels": np.arange(4)}
    np.savez(tmp_path / "p.npz", **{**good, **arrays})
    with pytest.raises(UserError, match=message) as caught:
        load_predictions(tmp_path / "p.npz")
    assert str(tmp_path / "p.npz") in str(caught.value)


def test_checkpoint_comes_back(tmp_path: Path) -> None:
    network = tiny.create()
    preprocessing = ImagePreprocessing((32, 32), (0.5,) * 3, (0.2,) * 3)
    Checkpoint("tiny", network, tuple("abcdefghij"), preprocessing, {"epochs": 3}).save(tmp_path / "w.safetensors")
    again = load_checkpoint(tmp_path / "w.safetensors")
    assert (again.model, again.class_names, again.training) == ("tiny", tuple("abcdefghij"), {"epochs": 3})
    assert again.preprocessing == preprocessing
    assert not again.network.training
    state = again.network.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_malformed_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"w\.safetensors: not a safetensors file"):
        load_checkpoint(path)
    safetensors.torch.save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="no 'eenet' entry"):
        load_checkpoint(path)
    safetensors.torch.save_file({"x": torch.zeros(1)}, path, metadata={"eenet": '{"model": "tiny"}'})
    with pytest.raises(UserError, match=r"w\.safetensors: malformed: KeyError"):
        load_checkpoint(path)
