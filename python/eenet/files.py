"""Files that are whole or not there, and archives of arrays that are what they should be."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from eenet.errors import UserError


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


@contextmanager
def open_npz(path: str | Path) -> Iterator[np.lib.npyio.NpzFile]:
    """An ``.npz`` archive to read from, without pickle.

    Raises:
        UserError: naming the file, for whatever is wrong with it, `UserError` in the block included.
    """
    try:
        # Opened here, for np.load leaves its file open where the archive is malformed.
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError("is a single array, expected an .npz archive")
            with archive:
                yield archive
    except (UserError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
