"""Uses an installed eenet as a new user would: the golden bundle, with numpy and ONNX Runtime and nothing else.

Run: python -W error tools/use_wheel.py tests/golden/tiny.eenet
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np

import eenet_rt

INPUTS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 3, 0], [0.5, 0.5, 0.5, 0.5]], np.float32)


def main() -> None:
    """Fails by an assertion where something is not as it should be."""
    assert "site-packages" in eenet_rt.__file__, f"{eenet_rt.__file__} is not installed"
    for package in ("eenet", "eenet_export", "eenet_rt"):
        (folder,) = importlib.util.find_spec(package).submodule_search_locations
        assert (Path(folder) / "py.typed").is_file(), f"{package} has no py.typed"
    with eenet_rt.load(sys.argv[1]) as runtime:
        labels = runtime.infer_batch(INPUTS, policy=None).labels.tolist()
        # Exit 1 turns the classes round by one; the last input has no class of its own.
        assert labels[:3] == [1, 2, 0], labels
        early = runtime.infer(INPUTS[2])
        assert early.class_name == runtime.class_names[early.label]
        assert runtime.stats().count == len(INPUTS) + 1
    command = Path(sysconfig.get_path("scripts")) / "eenet-schedule"
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    assert told == f"eenet-schedule {eenet_rt.__version__}\n", told
    print(f"Python {sys.version.split()[0]}, eenet {eenet_rt.__version__}: {early}")


if __name__ == "__main__":
    main()
