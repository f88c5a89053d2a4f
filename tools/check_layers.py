"""Checks which folders of cpp/src include which: lower floors know nothing of higher ones.

Run: python tools/check_layers.py [FOLDER]. For Python, import-linter does the same (pyproject.toml).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# From the ground up; a folder may include its own headers and those of the floors before it. Public headers are open to
# all: they hold what users see, and include one another alone.
FLOORS = (
    "util", "core", "decision", "decision/readout", "bundle", "inputs", "budget", "backends", "backends/ort", "tiers",
    "engine", "run", "watch", "c",
)  # fmt: skip


def floor_of(path: str) -> int | None:
    """The number of the folder that a path below cpp/src is in; None: it is in none that is listed."""
    folder = path.rpartition("/")[0]
    return FLOORS.index(folder) if folder in FLOORS else None


def complaints(cpp: Path) -> list[str]:
    """What is wrong in the project's folder cpp, a line each."""
    found = []
    for file in sorted((cpp / "src").rglob("*.[hc]*")):
        name = file.relative_to(cpp / "src").as_posix()
        floor = floor_of(name)
        if floor is None:
            found.append(f"cpp/src/{name}: in none of the folders {', '.join(FLOORS)}")
            continue
        for included in re.findall(r'^#include "([^"]+)"', file.read_text(), re.MULTILINE):
            below = floor_of(included)
            if not included.startswith("eenet/") and (below is None or below > floor):
                found.append(f"cpp/src/{name}: includes {included}, which is not below {FLOORS[floor]}")
    for file in sorted((cpp / "include" / "eenet").glob("*.h")):
        for included in re.findall(r'^#include "([^"]+)"', file.read_text(), re.MULTILINE):
            if not re.fullmatch(r"(eenet/)?\w+\.h", included) or not (file.parent / Path(included).name).is_file():
                found.append(f"cpp/include/eenet/{file.name}: includes {included}, which is not public")
    return found


if __name__ == "__main__":
    wrong = complaints(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]) / "cpp")
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)
