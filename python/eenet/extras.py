"""Packages that a plain install does not bring."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from eenet.errors import UserError

_DISTRIBUTION = "eenet"


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Goes around imports of what the extra ``name`` of the distribution brings.

    Raises:
        UserError: a package is not installed; says by which command it comes.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "eenet", "eenet_export", "eenet_rt"):
            raise
        raise UserError(f"{package} is not installed; it comes by: {install_command(name)}") from error


def require(name: str, *packages: str) -> None:
    """For work that takes long before it needs what an extra brings.

    Args:
        name: of the extra.
        packages: to be there.

    Raises:
        UserError: as `extra`.
    """
    with extra(name):
        for package in packages:
            import_module(package)


def install_command(name: str) -> str:
    """The ``pip`` command that adds an extra to this install, and ONNX Runtime where there is none."""
    extras = [name] if name == "cpu" or find_spec("onnxruntime") else ["cpu", name]
    wanted = f"[{','.join(extras)}]"
    distribution = metadata.distribution(_DISTRIBUTION)
    origin = distribution.read_text("direct_url.json")
    if origin is None:
        return f"pip install '{_DISTRIBUTION}{wanted}'"
    path = Path(unquote(urlsplit(json.loads(origin)["url"]).path))
    if path.exists():
        source = "." if path == Path.cwd() else os.fspath(path)
        return f"pip install {shlex.quote(source + wanted)}"
    # The wheel or checkout is gone: what the extras ask for can be had without it.
    return f"pip install {shlex.join(_requirements(distribution, extras))}"


def _requirements(distribution: metadata.Distribution, extras: list[str]) -> list[str]:
    found = []
    for requirement in distribution.requires or ():
        what, _, marker = requirement.partition(";")
        condition = marker.replace('"', "'")
        if any(f"extra == '{name}'" in condition for name in extras):
            found.append(what.strip())
    return found
