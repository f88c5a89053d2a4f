"""Where results may go: to be asked before the work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from eenet.bundles.bundle import is_bundle
from eenet.errors import Argument, UserError
from eenet.files import preparing

Sources = Mapping[str, Path | None]


def check_replaceable(path: str | Path, *, folder: bool, inputs: Sources | None = None) -> None:
    """To be asked before long work whose result `replacing`, or `replacing_folder`, will write.

    Args:
        path: of the result.
        folder: whether it is a folder.
        inputs: what the work reads, see `check_spared`.

    Raises:
        UserError: as `check_spared`, or a file is where a folder is needed.
        eenet_rt.InputError: something is there that cannot be replaced, or nothing can be written beside it.
    """
    check_spared(path, inputs or {}, folder=folder)
    with preparing(path, folder=folder):
        pass


def check_spared(path: str | Path, inputs: Sources, *, folder: bool) -> None:
    """To be asked before work whose result goes to a path.

    Args:
        path: of the result.
        inputs: what the work reads, by the argument that named it.
        folder: whether the result is a folder.

    Raises:
        UserError: the path is one of the inputs, or lies inside a bundle, or as a folder inside one of the inputs.
    """
    real = Path(os.path.realpath(path))
    for name, given in inputs.items():
        if given is None:
            continue
        source = Path(os.path.realpath(given))
        if real == source or (real.exists() and source.exists() and real.samefile(source)):
            raise UserError(
                f"{path} would be overwritten, but it is what ", Argument(name), " reads; give another name"
            )
        if folder and source in real.parents:
            raise UserError(f"{path} lies inside {given}, which ", Argument(name), " reads; give a path outside it")
    for parent in real.parents:
        if is_bundle(parent):
            raise UserError(f"{path} lies inside the bundle {parent}, expected a path outside it")
