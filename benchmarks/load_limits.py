"""Load time against the number of schedules and the size of the manifest, up to the limits of the format.

Run: python benchmarks/load_limits.py [--repeats 3]

The bundle is the tiny one of tests/golden, loaded in a process of its own for each figure:

1. with 16 to 65,536 schedules, each with thresholds of its own, that share their scorer; the whole of ``load``;
2. with a manifest of 64 KiB to 16 MiB whose ``preprocessing`` is a list of small objects, nothing else growing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import eenet_rt
from common import machine, write
from eenet.bundles.bundle import file_entry
from eenet.policies import save_schedules
from eenet_rt._core import MANIFEST, SCHEDULES

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "tiny.eenet"
NUMBERS = (16, 256, 4_096, 16_384, 65_536)
SIZES = tuple(1 << power for power in (16, 18, 20, 22, 24))

WORKER = """
import sys, time, warnings
import numpy, eenet_rt
warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
eenet_rt.load(sys.argv[2])  # the libraries, once
start, used = time.perf_counter(), time.process_time()
eenet_rt.load(sys.argv[1])
print(1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - used))
"""


def load_ms(bundle: Path, repeats: int) -> dict[str, float]:
    """Medians of wall time, and of the processor's, which says more on a busy machine."""
    command = [sys.executable, "-c", WORKER, str(bundle), str(GOLDEN)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(repeats)]
    wall, processor = (statistics.median(map(float, times)) for times in zip(*runs, strict=True))
    return {"load_ms": wall, "processor_ms": processor}


def with_schedules(folder: Path, number: int) -> None:
    """Puts that many schedules in the place of the bundle's."""
    file = eenet_rt.read_schedules(folder / SCHEDULES)
    first = file.schedules[0]
    schedules = [first.replace(budget=first.budget * (1 + i / number)) for i in range(number)]
    save_schedules(folder / SCHEDULES, schedules, network=file.network, active=0)
    edit(folder, lambda manifest: manifest["files"].update({SCHEDULES: file_entry((folder / SCHEDULES).read_bytes())}))


def with_manifest(folder: Path, size: int) -> None:
    """Fills the manifest up to that many bytes."""
    edit(folder, lambda manifest: manifest.update(preprocessing={"k": []}))
    room = size - (folder / MANIFEST).stat().st_size
    edit(folder, lambda manifest: manifest.update(preprocessing={"k": [{}] * (room // len("{},"))}))


def edit(folder: Path, change: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, separators=(",", ":")))


def measure(prepare: Any, values: tuple[int, ...], repeats: int) -> list[dict[str, float]]:
    rows = []
    for value in values:
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(shutil.copytree(GOLDEN, Path(parent) / "tiny.eenet"))
            prepare(folder, value)
            sizes = {name: (folder / name).stat().st_size for name in (MANIFEST, SCHEDULES)}
            rows.append({"value": value, **load_ms(folder, repeats), **sizes})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    before = machine()["load_average"]
    result = {
        "schedules": measure(with_schedules, NUMBERS, arguments.repeats),
        "manifest_bytes": measure(with_manifest, SIZES, arguments.repeats),
    }
    write("load_limits", {"load_average_before": before, **result})


if __name__ == "__main__":
    main()
