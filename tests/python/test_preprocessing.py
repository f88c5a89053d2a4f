"""`Runtime.preprocess`: the numbers of training and export, to the bit, from images of any size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eenet_rt
from eenet.errors import UserError
from eenet.preprocessing import ImagePreprocessing, resize
from support import golden

STEPS = ImagePreprocessing((12, 20), (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616), resize=True)


def load(folder: Path, declared: dict[str, Any]) -> eenet_rt.Runtime:
    """The golden bundle with another declaration."""
    path = Path(shutil.copytree(golden.GOLDEN, folder / "golden.eenet", dirs_exist_ok=True))
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "preprocessing": declared}))
    return eenet_rt.load(path)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> eenet_rt.Runtime:
    return load(tmp_path_factory.mktemp("bundle"), STEPS.to_json())


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, 256, shape, np.uint8)


def test_the_numbers_of_training(runtime: eenet_rt.Runtime) -> None:
    # All bytes in every channel.
    levels = np.resize(np.arange(256, dtype=np.uint8), (4, 12, 20, 3))
    for images in (levels, levels[0], noise(3, 12, 20, 3)):
        ours, theirs = runtime.preprocess(images), STEPS(images)
        assert (ours.dtype, ours.shape, ours.flags.c_contiguous) == (np.float32, theirs.shape, True)
        assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))


@pytest.mark.parametrize(
    "size", [(12, 21), (24, 40), (100, 37), (37, 100), (1, 1), (5, 200), (12, 19), (7, 9), (255, 256), (13, 20)]
)
def test_the_pixels_of_training(runtime: eenet_rt.Runtime, size: tuple[int, int]) -> None:
    images = np.stack([noise(*size, 3), np.full((*size, 3), 255, np.uint8)])
    resized = np.stack([resize(Image.fromarray(image), STEPS.size) for image in images])
    assert np.array_equal(runtime.preprocess(images), STEPS(resized))
    assert np.array_equal(runtime.preprocess(images[0]), STEPS(resized[0]))


def test_any_strides(runtime: eenet_rt.Runtime) -> None:
    images = noise(2, 12, 20, 3)
    expected = STEPS(images)
    frozen = images.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(images), images[..., ::-1].copy()[..., ::-1], frozen, images.view(np.memmap)):
        assert np.array_equal(runtime.preprocess(same), expected)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((12, 20, 3), np.float32), "images: float32 came, uint8 expected"),
        (np.zeros((12, 20), np.uint8), "images: shape (12, 20) came, (H, W, 3) or (N, H, W, 3) expected"),
        (np.zeros((3, 12, 20), np.uint8), "images: shape (3, 12, 20) came, (H, W, 3)"),
        (np.zeros((0, 12, 20, 3), np.uint8), "images: shape (0, 12, 20, 3) came"),
        (np.zeros((0, 20, 3), np.uint8), "images: shape (0, 20, 3) came"),
        (
            np.broadcast_to(np.zeros((1, 12, 20, 3), np.uint8), (2**40, 12, 20, 3)),
            "images: shape (1099511627776, 12, 20, 3) came, what there is memory for expected",
        ),
        (np.ma.zeros((12, 20, 3), np.uint8), "images: MaskedArray, of which not all values count, came"),
        ([[[0, 0, 0]]], "images: list came, a numpy array (images of one size by numpy.stack, of different sizes one"),
        ((noise(12, 20, 3), noise(9, 9, 3)), "images: tuple came, a numpy array (images of one size by numpy.stack"),
        (None, "images: NoneType came, a numpy array expected"),
    ],
)
def test_refused_images(runtime: eenet_rt.Runtime, images: Any, words: str) -> None:
    with pytest.raises(eenet_rt.InputError) as caught:
        runtime.preprocess(images)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "none"}, "'none' came, 'image' expected: eenet-export --segments declares it where it gets --prepro"),
        ({"kind": "text"}, "preprocessing.kind: 'text' came, 'image' expected"),
        ({"color": "BGR"}, "preprocessing.color: 'BGR' came, 'RGB' expected"),
        ({"layout": "HWC"}, "preprocessing.layout: 'HWC' came, 'CHW' expected"),
        ({"size": [12]}, "preprocessing.size"),
        ({"size": [0, 20]}, "preprocessing.size"),
        ({"size": [65536, 65536]}, "preprocessing.size: (65536, 65536) came, at most 2147483647 numbers expected"),
        ({"std": [1, 0, 1]}, "preprocessing.std: 0 came, numbers above 0 expected"),
        ({"std": [1, -1, 1]}, "preprocessing.std: -1 came, numbers above 0 expected"),
        ({"std": [1, 1e-320, 1]}, "expected"),
        ({"scale": 1e300}, "bytes of images stay finite by expected"),
        ({"std": [1]}, "preprocessing.std: 1 numbers came, one a channel"),
        ({"mean": [], "std": []}, "preprocessing.mean: 0 numbers came"),
        ({"resize": {"crop": "none", "filter": "bilinear", "antialias": True}}, "crop: 'none' came, 'center' expected"),
        ({"resize": {"crop": "center", "filter": "bilinear", "antialias": False}}, "antialias: false came"),
        ({"scale": "x"}, "preprocessing.scale"),
    ],
)
def test_refused_declarations(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    runtime = load(tmp_path, {**STEPS.to_json(), **change})
    with pytest.raises(eenet_rt.InputError) as caught:
        runtime.preprocess(noise(12, 20, 3))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": [12]}, "in {'kind': 'image'"),
        ({"size": [12, 20, 3]}, "in {'kind': 'image'"),
        ({"size": [0, 20]}, r"size: got \[0, 20\], expected height and width"),
        ({"size": [12.0, 20]}, r"size: got \[12.0, 20\], expected height and width"),
        ({"size": [True, 20]}, r"size: got \[True, 20\], expected height and width"),
        ({"std": [1, 0, 1]}, "std: got 0.0, expected numbers above 0"),
        ({"std": [1, -1, 1]}, "std: got -1.0, expected numbers above 0"),
        ({"std": [1, float("nan"), 1]}, "std: got nan, expected numbers above 0"),
        ({"std": [1, 1e-320, 1]}, "finite"),
        ({"scale": 1e300}, "finite"),
        ({"scale": float("inf")}, "finite"),
        ({"mean": [0, float("nan"), 0]}, "finite"),
        ({"std": [1]}, "got 3 means and 1 deviations, expected one each a channel"),
        ({"mean": [], "std": []}, "got 0 means and 0 deviations"),
        ({"mean": "abc"}, "mean: got 'abc', expected a list of numbers"),
        ({"mean": ["0", "0", "0"]}, "mean: got .*, expected a list of numbers"),
        ({"std": None}, "std: got None, expected a list of numbers"),
        ({"scale": "1"}, "scale: got '1', expected a number"),
        ({"scale": True}, "scale: got True, expected a number"),
        ({"scale": 10**400}, "OverflowError"),
        ({"mean": "x" * 10_000}, r"mean: got 'x+\.\.\., expected"),
    ],
)
def test_what_the_tools_refuse(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=f"^preprocessing: .*{words}") as caught:
        ImagePreprocessing.from_json({**STEPS.to_json(), **change})
    assert len(str(caught.value)) < 300


def test_a_channel_that_is_the_same_everywhere() -> None:
    images = noise(4, 12, 20, 3)
    images[..., 1] = 51
    steps = ImagePreprocessing.fit(images)
    assert (steps.mean[1], steps.std[1]) == (0.2, 1.0)
    assert ImagePreprocessing.from_json(steps.to_json()) == steps
    assert np.abs(steps(images)[:, 1]).max() < 1e-6


def test_without_a_way_to_resize(tmp_path: Path) -> None:
    steps = ImagePreprocessing(STEPS.size, STEPS.mean, STEPS.std)
    runtime = load(tmp_path, steps.to_json())
    assert np.array_equal(runtime.preprocess(noise(12, 20, 3)), steps(noise(12, 20, 3)))
    with pytest.raises(eenet_rt.InputError, match=r"images: height and width \(12, 21\) came, \(12, 20\) expected"):
        runtime.preprocess(noise(12, 21, 3))


def test_size_and_channels_of_images_that_are_not_square() -> None:
    images = np.zeros((4, 20, 30, 3), np.uint8)
    images[..., 1], images[:2, ..., 2] = 51, 255
    fitted = ImagePreprocessing.fit(images)
    assert fitted.size == (20, 30)
    assert fitted.mean == (0, 0.2, 0.5)
    assert fitted.std[2] == 0.5
