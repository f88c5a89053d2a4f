"""Environments that hold some packages only."""

from __future__ import annotations

import importlib.util
import venv
from importlib.metadata import distribution
from pathlib import Path

import eenet
import eenet_export
import eenet_rt


def site(folder: Path, *packages: str) -> Path:
    """The interpreter of a virtual environment with these packages and numpy, and links to this one's code."""
    venv.create(folder, with_pip=False, symlinks=True)
    (target,) = folder.glob("lib/python*/site-packages")
    installed = Path(str(distribution("eenet").locate_file("")))
    ours = (Path(package.__file__ or "").parent for package in (eenet, eenet_export, eenet_rt))
    for path in (*ours, *installed.glob("eenet-*.dist-info")):
        (target / path.name).symlink_to(path)
    for package in ("numpy", *packages):
        spec = importlib.util.find_spec(package)  # not always beside eenet, nor imported
        assert spec is not None, package
        assert spec.origin is not None, package
        home = Path(spec.origin).parent
        (target / package).symlink_to(home)
        if (libraries := home.parent / f"{package}.libs").is_dir():
            (target / libraries.name).symlink_to(libraries)
    return folder / "bin" / "python"
