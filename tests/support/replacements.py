"""Replaces files and bundles and is killed, or has readers: ``-m support.replacements WHAT FOLDER BUNDLE [SECONDS]``.

Prints JSON. A process of its own, without threads, so that its children can be traced.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import eenet_rt
from eenet.bundles.bundle import Bundle, listed_files
from eenet.files import replacing, replacing_folder
from eenet_rt._core import MANIFEST
from support.bundles import contents
from support.syscalls import NotHereError, answer_of_child, kill_at_call, refuse

NOTES = "notes.txt"


def replace_bundle(path: Path, note: str) -> None:
    """Writes the bundle anew as a refit does: segments linked, a manifest that says something else."""
    with replacing_folder(path, ours=listed_files(path).__contains__) as folder:
        bundle = Bundle.open(path)
        folder.mkdir()
        for name in bundle.files:
            bundle.copy(name, folder, link=name.endswith(".onnx"))
        manifest = {**bundle.manifest, "versions": {"note": note}}
        (folder / MANIFEST).write_text(json.dumps(manifest))


def refuse_exchange() -> str:
    """As on a file system that cannot exchange two folders."""
    refuse("renameat2", errno.EINVAL)
    return ""


def kills(prepare: Callable[[], None], work: Callable[[], None], whole: Callable[[], bool], folder: Path) -> object:
    """Kills some work at each of its system calls in turn.

    Args:
        prepare: sets up what the work finds.
        work: what is killed.
        whole: whether everything is as before the work or as after it; also tried after the next run.
        folder: in which nothing may be left after the next run but what was there.
    """
    tried, torn, unmended, left = 0, 0, 0, 0
    while True:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        prepare()
        if not kill_at_call(work, tried + 1):
            return {"tried": tried, "torn": torn, "unmended": unmended, "left": left}
        tried += 1
        torn += not whole()
        with replacing(folder / "next") as file:
            file.write_text("")
        unmended += not whole()
        left += any(path.name.startswith(".") for path in folder.iterdir())


def kill_bundle(folder: Path, source: Path, *, exchange: bool) -> object:
    if not exchange and (reason := answer_of_child(refuse_exchange)):
        raise NotHereError(reason)
    path = folder / "tiny.eenet"
    old = {**contents(source), NOTES: b"mine"}
    new = {**old, MANIFEST: b""}

    def prepare() -> None:
        shutil.copytree(source, path)
        (path / NOTES).write_bytes(old[NOTES])

    def work() -> None:
        if not exchange:
            refuse_exchange()
        replace_bundle(path, "new")

    def whole() -> bool:
        if not path.exists():
            return False
        found = contents(path)
        return found == old or ({**found, MANIFEST: b""} == new and b'"new"' in found[MANIFEST])

    return kills(prepare, work, whole, folder)


def kill_file(folder: Path, source: Path) -> object:
    path = folder / "file"

    def prepare() -> None:
        path.write_bytes(b"old")

    def work() -> None:
        with replacing(path) as file:
            file.write_bytes(b"new" * 100_000)

    def whole() -> bool:
        return path.read_bytes() in (b"old", b"new" * 100_000)

    return kills(prepare, work, whole, folder)


def kill_slice(folder: Path, source: Path) -> object:
    out = folder / "head.eenet"
    eenet_rt.slice_bundle(source, 0, 1, out)
    expected = contents(out)
    return kills(
        lambda: None, lambda: eenet_rt.slice_bundle(source, 0, 1, out),
        lambda: not out.exists() or contents(out) == expected, folder,
    )  # fmt: skip


def write_for(folder: Path, source: Path, seconds: float, *, exchange: bool) -> object:
    """Replaces ``tiny.eenet`` again and again until a file ``stop`` is there."""
    if not exchange:
        refuse_exchange()
    path, count = folder / "tiny.eenet", 0
    end = time.monotonic() + seconds
    while not (folder / "stop").exists() and time.monotonic() < end:
        replace_bundle(path, str(count))
        count += 1
    return {"replaced": count}


def main() -> None:
    what, folder, source = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    tasks: dict[str, Callable[[], object]] = {
        "bundle": lambda: kill_bundle(folder, source, exchange=True),
        "bundle-without-exchange": lambda: kill_bundle(folder, source, exchange=False),
        "file": lambda: kill_file(folder, source),
        "slice": lambda: kill_slice(folder, source),
        "write": lambda: write_for(folder, source, float(sys.argv[4]), exchange=True),
        "write-without-exchange": lambda: write_for(folder, source, float(sys.argv[4]), exchange=False),
    }
    try:
        print(json.dumps(tasks[what]()))
    except NotHereError as reason:
        print(json.dumps({"not here": str(reason)}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
