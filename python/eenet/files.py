"""Files that are whole or not there, and archives of arrays that are what they should be."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError

_MOST_TEXT = 300  # characters of what a library says


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends without an error, and vanishes otherwise.

    A folder takes the place of a folder; an old folder is moved aside first and removed last, so that at no time
    nothing is there but for the instant between two renames. Interrupted there, it is moved back.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = scratch / path.name
    try:
        yield temporary
        _apply_umask(temporary)
        if temporary.is_dir() and path.is_dir():
            _exchange(temporary, path, scratch / "old")
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _exchange(new: Path, path: Path, old: Path) -> None:
    try:
        os.rename(path, old)
        os.replace(new, path)
    except BaseException:
        if old.exists() and not path.exists():
            os.rename(old, path)
        raise


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
