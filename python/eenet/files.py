"""Files that are whole or not there, and archives of arrays that are what they should be."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet_rt._core import Replacement

_ZIP, _NPY = b"PK", b"\x93NUMPY"  # what files begin with
_MOST_TEXT = 300  # characters of what a library says


def require_regular(path: str | Path) -> None:
    """To be asked before a file is opened, which for a pipe waits until somebody writes to it.

    Raises:
        UserError: it is a folder, a pipe, a device or a socket.
        OSError: there is nothing of the name.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        came = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
        raise UserError(f"{path}: {came} came, a regular file expected")


def make_folder(path: Path) -> None:
    """Makes a folder and those that it is in, where they are not there.

    Raises:
        UserError: a file is where one of them should be.
        OSError: it cannot be made; names it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(each for each in (path, *path.parents) if os.path.lexists(each))
        raise UserError(f"{file} is not a folder, expected one or a new name") from error


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path for a file that takes the place of ``path`` when the block ends without an error.

    It vanishes otherwise. At no time, a power failure included, is there half a file, or none where one was. A link
    stays, and what it points to is replaced. What killed runs left in the folder is removed.

    Raises:
        eenet_rt.InputError: a folder, a device or a mount point is there, or nothing can be written beside it.
    """
    with preparing(path, folder=False) as (replacement, temporary):
        yield temporary
        _apply_umask(temporary)
        replacement.publish()


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Goes around what writes a file, for a full disk does not say which file it has no room for.

    Raises:
        OSError: with the path, where the one that came has no name.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error


@contextmanager
def replacing_folder(
    path: str | Path, *, ours: Callable[[str], bool], unchanged: Callable[[], bool] = lambda: True
) -> Iterator[Path]:
    """As `replacing`, for a folder, which the block makes.

    Args:
        path: of the folder.
        ours: whether a file of that name in the old folder goes with it; all others are carried over into the new one
            unless that has a file of the name.
        unchanged: asked at the very end, whether what is to be replaced is still what it was, see `eenet.locks`.

    Raises:
        UserError: it is not, and stays.
        eenet_rt.InputError: as `replacing`.
    """
    with preparing(path, folder=True) as (replacement, temporary):
        yield temporary
        _apply_umask(temporary)
        # Before others' files are looked for: it may take long, and none is to be missed.
        replacement.sync()
        if Path(path).is_dir():
            _carry_over(Path(path), temporary, ours)
        if not unchanged():
            raise UserError(f"{path} was replaced by another process meanwhile and is left as it is; try again")
        replacement.publish()


@contextmanager
def preparing(path: str | Path, *, folder: bool) -> Iterator[tuple[Replacement, Path]]:
    """What `replacing` and `replacing_folder` share: a replacement to publish, and where to write."""
    make_folder(Path(path).parent)
    replacement = Replacement(path, folder=folder)
    try:
        with naming(path):
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
            try:
                array = self._archive[key]
            except ValueError as error:
                if "allow_pickle" not in str(error):
                    raise
                raise UserError("holds objects of Python, expected numbers or texts") from error
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
        require_regular(path)
        # Opened here, for np.load leaves its file open where the archive is malformed.
        with open(path, "rb") as file:
            # Of anything else numpy thinks that it is a pickle, and how one is loaded all the same.
            start = file.read(len(_NPY))
            if start != _NPY and not start.startswith(_ZIP):
                raise UserError("is no .npz archive")
            file.seek(0)
            with _damage(""):
                archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError("is a single array, expected an .npz archive")
            with archive:
                yield Archive(archive)
    except UserError as error:
        name = f"{path}: "
        raise UserError(name + str(error).removeprefix(name)) from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error


def read_labels(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Labels of a file.

    Raises:
        UserError: they are no integers, one a sample; says so where they look one-hot.
    """
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise UserError(
            f"labels: got {labels.dtype} of shape {labels.shape}, which looks one-hot, expected integers of shape "
            f"({len(labels)},), as labels.argmax(axis=1)"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"labels: got {labels.dtype}, expected integers")
    return as_int64(labels, "labels")


def as_int64(numbers: NDArray[np.integer[Any]], name: str) -> NDArray[np.int64]:
    """Integers of any kind.

    Raises:
        UserError: one is too large.
    """
    if numbers.size and int(numbers.max()) > np.iinfo(np.int64).max:
        raise UserError(f"{name}: got {numbers.max()}, expected at most {np.iinfo(np.int64).max}")
    return numbers.astype(np.int64)


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
