"""A folder with one folder of image files for each class."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eenet.data.image_set import ImageSet
from eenet.data.memory import check_memory
from eenet.errors import UserError, counted, shorten
from eenet.extras import extra
from eenet.preprocessing import cut_off, resize
from eenet.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
)
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# Folders of these names are sets, not classes: one floor too high was given.
_SETS = frozenset(["train", "training", "test", "testing", "val", "valid", "validation", "eval"])
_MOST_OF_FEWER_BITS = (1 << 14) - 1  # cameras write 10, 12 and 14 bits into files of 16
_MOST_NAMED = 8
# What to do about images of another size, where they are not to be resized.
HOW_TO_RESIZE = "; the bundle declares no resizing: bring them to that size as the images of training were"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Listing:
    """What is in a folder: image files below it with their class, and files that are no images."""

    class_names: tuple[str, ...]
    files: tuple[str, ...]
    labels: NDArray[np.int64]
    others: tuple[str, ...]


@dataclass(frozen=True)
class _Read:
    """Where images go as they are read, a row each, with the share of them that was cut off."""

    images: NDArray[np.uint8]
    cut_off: NDArray[np.float64]


class _OtherSize(str):
    """What is wrong with an image that may not be resized."""


def read_folder(path: str | Path, size: tuple[int, int], *, exact: bool = False) -> ImageSet:
    """Reads ``CLASS/**/FILE`` below a folder, in the order of names; each image is resized as it is read.

    Grey images become RGB, and images that a camera stored turned are turned back. Files that cannot be decoded are
    left out and named in one warning; so are files that are no images.

    Args:
        path: the folder.
        size: height and width to resize to, see `eenet.preprocessing.resize`.
        exact: resize nothing.

    Raises:
        UserError: it is no such folder, a class is without an image, or one is of another size under ``exact``.
    """
    with extra("images"):
        import PIL.Image  # noqa: F401
    root = Path(path)
    listing = _list(root)
    check_memory(str(root), len(listing.files), size)
    images = np.empty((len(listing.files), *size, 3), np.uint8)
    cut = np.zeros(len(listing.files))
    failed = _read_all(root, listing.files, _Read(images, cut), exact)
    sizes = [f"{file}: {problem}" for file, problem in failed.items() if isinstance(problem, _OtherSize)]
    if sizes:
        have = f"{len(sizes)} of {len(listing.files)} images {'has' if len(sizes) == 1 else 'have'} another size"
        raise UserError(f"{root}: {have}; {sizes[0]}{HOW_TO_RESIZE}")
    if failed:
        _tell_unreadable(root, failed, len(listing.files))
    whole = np.array([file not in failed for file in listing.files], bool)
    files = tuple(file for file in listing.files if file not in failed)
    kept = images if whole.all() else images[whole]
    found = ImageSet(kept, listing.labels[whole], listing.class_names, files=files, cut_off=tuple(cut[whole].tolist()))
    _require_images(root, found)
    return found


def _list(root: Path) -> _Listing:
    try:
        entries = sorted(entry.name for entry in os.scandir(root) if not entry.name.startswith(".") and entry.is_dir())
    except OSError as error:
        raise UserError(f"{root}: {error.strerror}") from error
    names = [name for name in entries if name != "__MACOSX"]
    for name in names:
        if not name.isprintable():  # nor are bytes that are no UTF-8
            raise UserError(f"{root}: the folder {name!r} is to be a class, expected a name that can be printed")
    if len(names) < 2:
        raise UserError(f"{root}: {_instead_of_classes(root, names)}, expected a folder for each class, 2 or more")
    if all(name.lower() in _SETS for name in names):
        raise UserError(f"{root}: has folders {shorten(names)}, which are sets and not classes: give one of them")
    files, labels, others, waiting = [], [], [], []
    for label, name in enumerate(names):
        for file in _files_below(root / name):
            relative = os.path.relpath(file, root)
            if Path(file).suffix.lower() not in _SUFFIXES:
                others.append(relative)
            elif _waits(file):
                waiting.append(relative)
            else:
                files.append(relative)
                labels.append(label)
    if waiting:
        _log.warning("%s: left out %s, pipes or devices: %s", root, counted(len(waiting), "file"), shorten(waiting))
    if others:
        kinds = Counter(Path(file).suffix.lower() or "no ending" for file in others)
        listed = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(_MOST_NAMED))
        what = f"{len(others)} files that are no images by their name"
        if len(others) == 1:
            what = "1 file that is no image by its name"
        _log.warning("%s: left out %s: %s", root, what, listed)
    return _Listing(tuple(names), tuple(files), np.array(labels, np.int64), (*others, *waiting))


def _instead_of_classes(root: Path, names: Sequence[str]) -> str:
    if names:
        return f"the only folder in it is {names[0]!r}"
    images = sum(Path(entry.name).suffix.lower() in _SUFFIXES for entry in os.scandir(root))
    return f"holds {counted(images, 'image')} and no folders" if images else "no folders and no images lie in it"


def _files_below(folder: Path) -> Iterator[str]:
    """Files in order of names, hidden ones left out; links are followed, each folder once."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in sorted(files) if not name.startswith("."))


def _waits(file: str) -> bool:
    """Whether opening it might wait, or reading it never end: a pipe or a device."""
    with contextlib.suppress(OSError):  # said when it is opened
        return not stat.S_ISREG(os.stat(file).st_mode)
    return False


def _read_all(root: Path, files: Sequence[str], out: _Read, exact: bool) -> dict[str, str]:
    """Fills ``out``; what went wrong with which file."""
    from PIL import Image

    failed = {}
    # Decoding and resizing leave Python's lock, and no image is in memory longer than it takes.
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        with Progress(f"read {root}", len(files), "images") as progress, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            problems = pool.map(partial(_read, root, out, exact), range(len(files)), files)
            for file, problem in zip(files, problems, strict=True):
                if problem is not None:
                    failed[file] = problem
                progress.advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return failed


def _read(root: Path, out: _Read, exact: bool, row: int, file: str) -> str | None:
    from PIL import Image, ImageOps

    try:
        with Image.open(root / file, formats=_FORMATS) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            height, width = out.images.shape[1:3]
            if exact and upright.size != (width, height):
                return _OtherSize(f"{upright.width} x {upright.height} came, {width} x {height} expected")
            out.images[row] = resize(_as_rgb(upright), (height, width))
            out.cut_off[row] = cut_off(upright, (height, width))
    except Exception as error:  # decoders raise whatever they please on damaged files
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return None


def _as_rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        # Pillow would clip, and make nearly every pixel white.
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 65535 or image.mode == "F":
            raise ValueError(f"pixels of mode {image.mode} from {pixels.min()} to {pixels.max()}, expected 8 or 16 bit")
        if 0 < pixels.max() <= _MOST_OF_FEWER_BITS:
            raise ValueError(
                f"pixels of mode {image.mode} up to {pixels.max()}, expected 8 bit, or 16 that are all in use: of "
                "how many bits it is cannot be told"
            )
        image = Image.fromarray((pixels // 257).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _tell_unreadable(root: Path, failed: dict[str, str], count: int) -> None:
    listed = "".join(f"\n  {file}: {problem}" for file, problem in list(failed.items())[:_MOST_NAMED])
    more = f"\n  and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    are = "is" if len(failed) == 1 else "are"
    _log.warning("%s: %d of %d images cannot be read and %s left out:%s%s", root, len(failed), count, are, listed, more)


def _require_images(root: Path, images: ImageSet) -> None:
    counts = np.bincount(images.labels, minlength=len(images.class_names))
    empty = [name for name, count in zip(images.class_names, counts, strict=True) if count == 0]
    if empty:
        raise UserError(f"{root}: no image that can be read in the folders {shorten(empty)}, expected some")
