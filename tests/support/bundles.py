"""Reading and spoiling the files of a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eenet.bundles.bundle import file_entry


def contents(folder: Path) -> dict[str, bytes]:
    """File name to bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit_manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Has a function change the manifest."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def list_files(bundle: Path, *names: str) -> None:
    """Puts the present size and hash of files into the manifest."""
    entries = {name: file_entry((bundle / name).read_bytes()) for name in names}
    edit_manifest(bundle, lambda manifest: manifest["files"].update(entries))
