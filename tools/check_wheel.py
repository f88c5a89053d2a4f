"""Fails unless a wheel, built from the sdist, holds the files of the repository that belong in it, and no others."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "python", "export"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {name.partition("/")[2] for name in listed.stdout.split("\0") if name}


def packed(path: str) -> set[str]:
    """All but what is made in the build: the extension module and the metadata."""
    made = re.compile(r"eenet_rt/_core\.[^/]*\.so|eenet-[^/]*\.dist-info/.*")
    with zipfile.ZipFile(path) as wheel:
        return {name for name in wheel.namelist() if not made.fullmatch(name)}


def main() -> int:
    expected, found = tracked(), packed(sys.argv[1])
    for name in sorted(expected - found):
        print(f"not in the wheel: {name}", file=sys.stderr)
    for name in sorted(found - expected):
        print(f"in the wheel, and not in the repository: {name}", file=sys.stderr)
    if expected == found:
        print(f"wheel from the sdist: {len(found)} files, as in the repository")
    return int(expected != found)


if __name__ == "__main__":
    sys.exit(main())
