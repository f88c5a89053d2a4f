"""Kills survived of kills tried while files and bundles are replaced, and loads beside a writer.

Run: python benchmarks/replacing.py [--loads 10000]

1. The work is killed at each of its system calls in turn, by ptrace: a bundle that is replaced as a refit does it, with
   the two folders exchanged and, as on file systems that cannot, with two renames; a file that is replaced; a slice
   that is written. *Torn*: neither the old nor the new was there, whole. *Unmended*: still so after the next run.
   *Left*: scratch was still there after it.
2. ``load`` of a bundle that another process replaces all the time, in both ways.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import eenet_rt
from common import write

TESTS = Path(__file__).resolve().parents[1] / "tests"
GOLDEN = TESTS / "golden" / "tiny.eenet"


def support(what: str, folder: Path, *arguments: str) -> list[str]:
    """A command of ``tests/support/replacements.py``."""
    return [sys.executable, "-m", "support.replacements", what, str(folder), str(GOLDEN), *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TESTS)}


def kills(what: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            support(what, Path(folder)), check=True, stdout=subprocess.PIPE, text=True, env=environment()
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    print(what, answer, flush=True)
    return answer


def loads(what: str, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        path = shutil.copytree(GOLDEN, folder / "tiny.eenet")
        command = support(what, folder, "3600")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as writer:
            failed: list[str] = []
            start = time.perf_counter()
            for i in range(count):
                try:
                    eenet_rt.load(path)
                except eenet_rt.EenetError as error:
                    failed.append(str(error))
                if i % 1000 == 999:
                    print(f"{what}: {i + 1} loads, {len(failed)} failed", flush=True)
            seconds = time.perf_counter() - start
            (folder / "stop").touch()
            output, _ = writer.communicate()
    return {"loads": count, "failed": len(failed), "errors": failed[:5], "seconds": seconds, **json.loads(output)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=10_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
    works = ("bundle", "bundle-without-exchange", "file", "slice")
    result = {
        "kills": {what: kills(what) for what in works},
        "readers": {what: loads(what, arguments.loads) for what in ("write", "write-without-exchange")},
    }
    write("replacing", result)


if __name__ == "__main__":
    main()
