"""Bundles as files (``docs/spec/format.md``), for the tools that write and rewrite them; ``eenet_rt`` loads them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eenet.errors import UserError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SCHEDULES = "scheduler.safetensors"
CALIBRATION = "calibration.safetensors"
_MOST_MANIFEST_BYTES = 16 << 20


def file_entry(data: bytes) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def save_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes ``manifest.json``."""
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Goes around code that takes the JSON of a file to be what it should.

    Raises:
        UserError: it is not; names the file.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, MemoryError, RecursionError) as error:
        raise UserError(f"{path}: malformed: {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest whose keys are there; checking all that they say is up to `eenet_rt.load`.

    Attributes:
        folder: where it is.
        manifest: as it was read, keys that this version does not know included.
        id: of the segments that it holds.
        network: id of the whole network's bundle, which is this one's unless it is a slice.
        class_names: C names.
        num_exits: K, of the whole network.
        profiles: cost profiles, as in the manifest.
        files: name to size and hash, of every file but the manifest.
    """

    folder: Path
    manifest: dict[str, Any]
    id: str
    network: str
    class_names: tuple[str, ...]
    num_exits: int
    profiles: list[dict[str, Any]]
    files: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Reads the manifest.

        Raises:
            UserError: the folder is not a bundle of this format version.
        """
        path = folder / MANIFEST
        try:
            if path.stat().st_size > _MOST_MANIFEST_BYTES:
                raise UserError(f"{path}: {path.stat().st_size} bytes, expected at most {_MOST_MANIFEST_BYTES}")
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{folder} is not a bundle: {MANIFEST}: {error.strerror}") from error
        with reading(path):
            manifest = json.loads(data)
            version = manifest["format_version"]
            if version != FORMAT_VERSION:
                raise UserError(f"{path}: format version {version} came, {FORMAT_VERSION} expected")
            return cls(
                folder,
                manifest,
                id=str(manifest["id"]),
                network=str(manifest["parent"] if "slice" in manifest else manifest["id"]),
                class_names=tuple(map(str, manifest["class_names"])),
                num_exits=len(manifest.get("slice", manifest)["segments"]),
                profiles=[dict(entry) for entry in manifest["profiles"]],
                files={name: {"size": e["size"], "sha256": e["sha256"]} for name, e in manifest["files"].items()},
            )

    def require_whole(self) -> None:
        """For work that needs all exits of the network.

        Raises:
            UserError: it is a slice.
        """
        if self.network != self.id:
            raise UserError(f"{self.folder} is a slice, expected the bundle of the whole network")

    def path(self, name: str) -> Path:
        """Of a file that the manifest lists.

        Raises:
            UserError: it does not list it, or the name is not that of a regular file in the folder.
        """
        if name not in self.files:
            raise UserError(f"{self.folder}: the bundle has no {name}")
        path = self.folder / name
        # Names in a manifest are not to be trusted: those in the folder hold no separators.
        if name not in os.listdir(self.folder) or path.is_symlink() or not path.is_file():
            raise UserError(f"{self.folder}: {name!r} is in the manifest, expected a regular file of that name")
        return path

    def read(self, name: str) -> bytes:
        """Contents of a file.

        Raises:
            UserError: as `path`, or size or hash are not those of the manifest.
        """
        path = self.path(name)
        data = path.read_bytes()
        found, expected = file_entry(data), self.files[name]
        if found != expected:
            raise UserError(
                f"{path}: {found['size']} bytes with SHA-256 {found['sha256']} came, {expected['size']} bytes with "
                f"{expected['sha256']} expected by the manifest"
            )
        return data
