"""Folders of class folders: every kind of image comes in, whatever cannot is named."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eenet.data import load_images
from eenet.errors import UserError
from eenet.preprocessing import ImagePreprocessing, resize
from support.photos import pattern, write_folder


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def test_a_folder_is_the_images_in_order_of_names(tmp_path: Path) -> None:
    images = pattern(12, 3)
    found = load_images(write_folder(images, tmp_path / "photos"), (32, 32))
    order = np.argsort(images.labels, kind="stable")
    assert found.class_names == images.class_names
    assert np.array_equal(found.images, images.images[order])
    assert np.array_equal(found.labels, images.labels[order])
    assert found.index.tolist() == list(range(12))
    assert found.files[:2] == ("class_0/00000.png", "class_0/00003.png")
    assert found[found.labels == 2].files[0] == "class_2/00002.png"


def test_resizing_is_what_is_documented() -> None:
    # Of 6 x 4 pixels the 4 x 4 in the middle are taken; halving weights pixels by 1 3 3 1, across the edge of the part.
    row = np.array([255, 0, 40, 80, 120, 255], np.uint8)
    image = Image.fromarray(np.repeat(np.repeat(row[None, :, None], 4, 0), 3, 2))
    made = resize(image, (2, 2))
    assert made.shape == (2, 2, 3)
    assert made[0, :, 0].tolist() == [round((255 + 3 * 0 + 3 * 40 + 80) / 8), round((40 + 3 * 80 + 3 * 120 + 255) / 8)]
    assert np.array_equal(resize(image, (4, 6)), np.asarray(image))
    for width, height in ((1, 5000), (7, 3), (333, 100)):
        assert resize(Image.new("RGB", (width, height), (9, 8, 7)), (13, 7)).reshape(-1, 3).tolist() == [[9, 8, 7]] * 91


def test_what_is_cut_off_is_known(tmp_path: Path) -> None:
    save(tmp_path / "a" / "square.png", np.zeros((40, 40, 3), np.uint8))
    save(tmp_path / "a" / "wide.png", np.zeros((40, 80, 3), np.uint8))
    save(tmp_path / "b" / "high.png", np.zeros((50, 40, 3), np.uint8))
    (tmp_path / "b" / "broken.png").touch()
    found = load_images(tmp_path, (8, 8))
    assert found.cut_off == pytest.approx([0, 0.5, 0.2])
    assert found[found.labels == 1].cut_off == pytest.approx([0.2])
    np.savez(tmp_path / "wide.npz", images=np.zeros((2, 30, 40, 3), np.uint8), labels=np.array([0, 1]))
    assert load_images(tmp_path / "wide.npz", (8, 8)).cut_off == pytest.approx([0.25, 0.25])
    assert load_images(tmp_path / "wide.npz").cut_off == ()


def test_kinds_of_images(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    save(tmp_path / "a" / "grey.png", grey)
    save(tmp_path / "a" / "sixteen.png", grey.astype(np.uint16) * 257 + 100)
    save(tmp_path / "a" / "one_bit.png", grey > 100)
    palette = Image.fromarray(np.dstack([grey] * 3)).convert("P")
    palette.save(tmp_path / "b.gif")
    (tmp_path / "b" / "deeper").mkdir(parents=True)
    os.rename(tmp_path / "b.gif", tmp_path / "b" / "deeper" / "palette.gif")
    save(tmp_path / "b" / "alpha.webp", np.dstack([grey] * 3 + [np.full_like(grey, 255)]), lossless=True)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees clockwise
    save(tmp_path / "b" / "turned.PNG", np.dstack([grey] * 3), exif=turned)
    found = load_images(tmp_path, (8, 8))
    by_name = {Path(file).name: pixels[..., 0] for file, pixels in zip(found.files, found.images, strict=True)}
    assert sorted(by_name) == ["alpha.webp", "grey.png", "one_bit.png", "palette.gif", "sixteen.png", "turned.PNG"]
    for name in ("grey.png", "sixteen.png", "alpha.webp"):
        assert np.array_equal(by_name[name], grey), name
    assert np.array_equal(by_name["turned.PNG"], np.rot90(grey, -1))
    assert np.array_equal(by_name["one_bit.png"], np.where(grey > 100, 255, 0))


def test_what_cannot_be_read_is_named_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_folder(pattern(6, 2), tmp_path)
    whole = (tmp_path / "class_0" / "00000.png").read_bytes()
    (tmp_path / "class_0" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "class_0" / "noise.jpg").write_bytes(b"not a picture")
    (tmp_path / "class_1" / "empty.png").touch()
    save(tmp_path / "class_1" / "twelve.png", np.full((8, 8), 4095, np.uint16))
    (tmp_path / "class_1" / "header.png").write_bytes(whole[:16] + b"\xff" * 32 + whole[48:])
    (tmp_path / "class_1" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "class_1" / "phone.heic").write_bytes(b"x")
    (tmp_path / "class_1" / ".hidden.png").write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        found = load_images(tmp_path, (32, 32))
    assert len(found) == 6
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert "left out 2 files that are no images by their name: 1 x .db, 1 x .heic" in caplog.text
    assert "5 of 11 images cannot be read and are left out" in caplog.text
    for name in ("class_0/cut.png", "class_0/noise.jpg", "class_1/empty.png", "class_1/header.png"):
        assert name in caplog.text
    assert "up to 4095, expected 8 bit, or 16 that are all in use" in caplog.text


def test_one_file_is_named_in_the_singular(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_folder(pattern(6, 2), tmp_path)
    (tmp_path / "class_0" / "noise.jpg").write_bytes(b"not a picture")
    (tmp_path / "class_1" / "Thumbs.db").write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        load_images(tmp_path, (32, 32))
    assert "left out 1 file that is no image by its name: 1 x .db" in caplog.text
    assert "1 of 7 images cannot be read and is left out" in caplog.text
    (tmp_path / "flat").mkdir()
    (tmp_path / "class_0" / "noise.jpg").rename(tmp_path / "flat" / "noise.jpg")
    with pytest.raises(UserError, match="flat: holds 1 image and no folders, expected a folder for each class"):
        load_images(tmp_path / "flat", (32, 32))


def test_pipes_are_no_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_folder(pattern(6, 2), tmp_path)
    os.mkfifo(tmp_path / "class_0" / "camera.png")
    with caplog.at_level(logging.WARNING):
        assert len(load_images(tmp_path, (32, 32))) == 6
    assert "left out 1 file, pipes or devices: 'class_0/camera.png'" in caplog.text


def test_links_are_followed_once(tmp_path: Path) -> None:
    write_folder(pattern(4, 2), tmp_path / "data")
    (tmp_path / "data" / "class_0" / "again").symlink_to(tmp_path / "data" / "class_0")
    (tmp_path / "data" / "class_2").symlink_to(tmp_path / "data" / "class_1")
    found = load_images(tmp_path / "data", (32, 32))
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], "no folders and no images lie in it, expected a folder for each class, 2 or more"),
        (["only"], "the only folder in it is 'only', expected a folder for each class, 2 or more"),
        (["train", "test"], "has folders 'test', 'train', which are sets and not classes"),
        (["a", "b"], "no image that can be read in the folders 'a', 'b'"),
        (["a", os.fsdecode(b"\xff")], r"the folder '\\udcff' is to be a class, expected a name that can be printed"),
    ],
)
def test_folders_that_are_none(tmp_path: Path, folders: list[str], message: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(UserError, match=message):
        load_images(tmp_path, (32, 32))


def test_packed_images_are_resized_alike(tmp_path: Path) -> None:
    images = pattern(4, 2, size=48)
    images.save(tmp_path / "x.npz")
    assert np.array_equal(load_images(tmp_path / "x.npz").images, images.images)
    packed = load_images(tmp_path / "x.npz", (32, 32))
    order = np.argsort(images.labels, kind="stable")
    assert np.array_equal(packed.images[order], load_images(write_folder(images, tmp_path / "x"), (32, 32)).images)


def test_large_images_do_not_fill_the_memory(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (50, 50, 3), dtype=np.uint8)
    save(tmp_path / "a" / "0.jpg", np.repeat(np.repeat(coarse, 40, 0), 40, 1))
    (tmp_path / "b").mkdir()
    for i in range(60):
        (tmp_path / "b" / f"{i}.jpg").symlink_to(tmp_path / "a" / "0.jpg")
    # 61 images of 12 MB would be 730 MB.
    script = (
        "import resource, sys; from eenet.data import load_images;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "print(load_images(sys.argv[1], (32, 32)).images.shape,"
        "(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    shape, _, megabytes = done.stdout.rpartition(" ")
    assert shape == "(61, 32, 32, 3)"
    assert int(megabytes) < 250


def test_more_images_than_memory_is_refused(tmp_path: Path) -> None:
    write_folder(pattern(4, 2), tmp_path)
    with pytest.raises(UserError, match=r"4 images of 2000000 x 2000000 take 96000.0 GB of memory"):
        load_images(tmp_path, (2_000_000, 2_000_000))
    pattern(4, 2).save(tmp_path / "packed.npz")
    with pytest.raises(UserError, match=r"packed.npz: 4 images of 2000000 x 2000000 take 96000.0 GB of memory"):
        load_images(tmp_path / "packed.npz", (2_000_000, 2_000_000))


def test_classes_by_name(tmp_path: Path) -> None:
    images = pattern(6, 3)
    moved = images.with_classes(("class_2", "more", "class_0", "class_1"))
    assert moved.labels.tolist() == [2, 3, 0, 2, 3, 0]
    with pytest.raises(UserError, match="classes 'class_1', 'class_2' came, expected some of 'class_0', 'dog'"):
        images.with_classes(("class_0", "dog"))
    with pytest.raises(UserError, match="classes: 'class_0' is there twice, so that names tell no class"):
        images.with_classes(("class_0", "class_1", "class_0", "class_2"))


def test_preprocessing_says_whether_images_are_resized() -> None:
    fitted = ImagePreprocessing.fit(pattern(4, 2).images)
    described = fitted.to_json()
    assert described["resize"] == {"crop": "center", "filter": "bilinear", "antialias": True}
    assert ImagePreprocessing.from_json(described) == fitted
    del described["resize"]
    assert not ImagePreprocessing.from_json(described).resize
    with pytest.raises(UserError, match=r"resize: got .*'lanczos'"):
        ImagePreprocessing.from_json({**described, "resize": {"filter": "lanczos"}})
