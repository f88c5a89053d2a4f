"""Runs every benchmark. Keep the machine otherwise idle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

for script in (
    "latency.py",
    "batch.py",
    "handoff.py",
    "threads.py",
    "footprint.py",
    "own_images.py",
    "load_limits.py",
    "replacing.py",
    "live_control.py",
    "drift.py",
    "schedulers.py",
    "promises.py",
    "guarantee.py",
    "small_sets.py",
    "fit_time.py",
    "streams.py",
):
    subprocess.run([sys.executable, Path(__file__).with_name(script)], check=True)
