"""Files that are whole or not there, and archives of arrays that are what they should be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet_rt._core import Replacement

_MOST_TEXT = 300  # characters of what a library says


def check_replaceable(path: str | Path, *, folder: bool) -> None:
    """To be asked before long work whose result `replacing`, or `replacing_folder`, will write.

    Raises:
        eenet_rt.InputError: something is there that cannot be replaced, or nothing can be written beside it.
    """
    with _replacement(path, folder=folder):
        pass


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path for a file that takes the place of ``path`` when the block ends without an error.

    It vanishes otherwise. At no time, a power failure included, is there half a file, or none where one was. A link
    stays, and what it points to is replaced. What killed runs left in the folder is removed.

    Raises:
        eenet_rt.InputError: a folder, a device or a mount point is there, or nothing can be written beside it.
    """
    with _replacement(path, folder=False) as (replacement, temporary):
        yield temporary
        _apply_umask(temporary)
        replacement.publish()


@contextmanager
def replacing_folder(path: str | Path, *, ours: Callable[[str], bool]) -> Iterator[Path]:
    """As `replacing`, for a folder, which the block makes.

    Args:
        path: of the folder.
        ours: whether a file of that name in the old folder goes with it; all others are carried over into the new one
            unless that has a file of the name.
    """
    with _replacement(path, folder=True) as (replacement, temporary):
        yield temporary
        _apply_umask(temporary)
        # Before others' files are looked for: it may take long, and none is to be missed.
        replacement.sync()
        if Path(path).is_dir():
            _carry_over(Path(path), temporary, ours)
        replacement.publish()


@contextmanager
def _replacement(path: str | Path, *, folder: bool) -> Iterator[tuple[Replacement, Path]]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    replacement = Replacement(path, folder=folder)
    try:
        yield replacement, Path(replacement.temporary)
    finally:
        replacement.discard()


def _carry_over(old: Path, new: Path, ours: Callable[[str], bool]) -> None:
    for entry in os.scandir(old):
        if ours(entry.name) or os.path.lexists(new / entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.copytree(entry.path, new / entry.name, symlinks=True, copy_function=link_or_copy)
        else:
            link_or_copy(entry.path, new / entry.name)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Gives a file a second name or, where the file system has no such thing, copies it. Links are not followed."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _apply_umask(path: Path) -> None:
    # Some writers make their files readable by the owner alone.
    umask = os.umask(0)
    os.umask(umask)
    for file in path.iterdir() if path.is_dir() else (path,):
        file.chmod(0o666 & ~umask)


class Archive:
    """An open ``.npz`` archive.

    Attributes:
        keys: names of its arrays.
    """

    def __init__(self, archive: np.lib.npyio.NpzFile) -> None:
        self._archive = archive
        self.keys = frozenset(archive.files)

    def __getitem__(self, key: str) -> NDArray[Any]:
        """An array in C order and the machine's byte order.

        Raises:
            UserError: what is there is no array, or damaged.
        """
        with _damage(f"{key}: "):
            array = self._archive[key]
            if not isinstance(array, np.ndarray):
                raise UserError("is not an array in the .npy format")
            return np.asarray(array, array.dtype.newbyteorder("="), order="C")

    def names(self, key: str) -> list[str]:
        """An array of names.

        Raises:
            UserError: it is not a list of texts or integers.
        """
        array = self[key]
        if array.ndim != 1 or array.dtype.kind not in "USiu":
            raise UserError(f"{key}: got {array.dtype} of shape {array.shape}, expected texts of shape (C,)")
        with _damage(f"{key}: "):
            return [str(name) for name in array.astype(str)]


@contextmanager
def open_npz(path: str | Path) -> Iterator[Archive]:
    """An ``.npz`` archive to read from, without pickle.

    Raises:
        UserError: naming the file, for whatever is wrong with it, `UserError` in the block included.
    """
    try:
        # Opened here, for np.load leaves its file open where the archive is malformed.
        with open(path, "rb") as file:
            with _damage(""):
                archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError("is a single array, expected an .npz archive")
            with archive:
                yield Archive(archive)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error


@contextmanager
def _damage(place: str) -> Iterator[None]:
    """Goes around readers of foreign formats, which raise whatever they please on damaged files."""
    try:
        yield
    except (UserError, OSError) as error:
        raise UserError(f"{place}{getattr(error, 'strerror', None) or error}") from error
    except Exception as error:
        text = " ".join(str(error).split())
        raise UserError(f"{place}{text[:_MOST_TEXT] or type(error).__name__}") from error
