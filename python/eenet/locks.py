"""Folders that one process at a time works on."""

from __future__ import annotations

import errno
import fcntl
import itertools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from eenet.errors import UserError

_UNKNOWN = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # file systems without such locks

_log = logging.getLogger(__name__)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Goes around work that writes into a folder, which is there; the lock ends with the process at the latest.

    Raises:
        UserError: another process is at it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _lock(descriptor, folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            raise UserError(f"{folder}: another process is writing into it; wait for its end, or give another folder")
        yield
    finally:
        os.close(descriptor)


@contextmanager
def undisturbed(folder: Path, *, replaced: bool, say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Goes around work on what is in a folder, which others that ask for it replace before or after.

    Gives a function that says whether nobody has replaced it, or made it, without asking.

    Args:
        folder: whose name leads to another folder once it was replaced; where it is not there, nothing is waited for.
        replaced: whether the work replaces it; else others may read it meanwhile.
        say: takes the line that others have to be waited for.
    """
    kind = fcntl.LOCK_EX if replaced else fcntl.LOCK_SH
    while True:
        descriptor = _open(folder)
        if descriptor is None:
            yield lambda: not folder.exists()
            return
        try:
            if not _lock(descriptor, folder, kind | fcntl.LOCK_NB):
                say(f"{folder}: another process is at work on it; waiting for its end")
                _lock(descriptor, folder, kind)
            if _leads_to(folder, descriptor):
                yield partial(_leads_to, folder, descriptor)
                return
        finally:
            os.close(descriptor)


@contextmanager
def all_undisturbed(
    folders: Mapping[Path, bool], *, say: Callable[[str], None]
) -> Iterator[dict[Path, Callable[[], bool]]]:
    """As `undisturbed` for several folders, each with whether it is replaced; gives their functions.

    Raises:
        UserError: two of them are one.
    """
    for first, second in itertools.combinations(filter(Path.exists, folders), 2):
        if first.samefile(second):
            raise UserError(f"{first} and {second} are the same folder, expected two")
    with ExitStack() as stack:
        # In an order that all processes have, lest two wait for each other.
        yield {
            folder: stack.enter_context(undisturbed(folder, replaced=folders[folder], say=say))
            for folder in sorted(folders, key=os.path.realpath)
        }


def _open(folder: Path) -> int | None:
    with suppress(FileNotFoundError):
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    return None


def _leads_to(folder: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(folder), os.fstat(descriptor))
    return False


def _lock(descriptor: int, folder: Path, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        _log.warning("%s: its file system has no locks, so that nothing keeps others from writing there", folder)
    return True
