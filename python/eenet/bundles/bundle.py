"""Bundles as files (``docs/spec/format.md``), for the tools that write and rewrite them; ``eenet_rt`` loads them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eenet.errors import UserError
from eenet.tasks.registry import task_named
from eenet.tasks.task import Task
from eenet_rt._core import FORMAT_VERSION, LARGEST_MANIFEST, MANIFEST, BundleError, check_manifest, put_back

_A_LINK = (
    "is a link, expected a regular file; where a bundle's files are links, as in caches of hubs and volumes of "
    "ConfigMaps, take a copy with the links followed (cp -rL)"
)


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


def listed_files(folder: Path) -> set[str]:
    """Names of the files of the bundle that is in a folder: whatever else is there is somebody else's."""
    try:
        return {MANIFEST, *map(str, json.loads((folder / MANIFEST).read_bytes())["files"])}
    except (OSError, KeyError, TypeError, ValueError, MemoryError, RecursionError):
        return {MANIFEST}


def is_bundle(folder: Path) -> bool:
    """Whether a folder has the manifest of a bundle, be the rest in order or not."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, MemoryError, RecursionError):
        return False
    return isinstance(manifest, dict) and {"format_version", "segments"} <= manifest.keys()


class _Directory:
    """A folder that stays open: its files are found in it wherever its name leads meanwhile."""

    def __init__(self, folder: Path) -> None:
        try:
            self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            # A killed run may have moved it aside.
            if not put_back(folder):
                raise
            self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._folder = folder

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def read(self, name: str, limit: int) -> bytes:
        """A regular file.

        Raises:
            OSError: there is none of the name.
            UserError: it is something else, or longer than the limit.
        """
        try:
            # Without O_NONBLOCK, opening a pipe would wait for its writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UserError(f"{self._folder / name} {_A_LINK}") from error
            raise
        with open(file, "rb") as opened:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{self._folder / name} is not a regular file")
            if status.st_size > limit:
                source = "" if name == MANIFEST else " by the manifest"
                raise UserError(f"{self._folder / name}: {status.st_size} bytes came, at most {limit} expected{source}")
            return opened.read(limit + 1)


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest that the runtime takes; whether its files are what it says, `read` and `copy` check.

    The folder stays open: files are those of the bundle that was opened, also when another takes its place meanwhile.

    Attributes:
        folder: where it is.
        manifest: as it was read, keys that this version does not know included.
        id: of the segments that it holds.
        network: id of the whole network's bundle, which is this one's unless it is a slice.
        weights: id of the weights that it was exported from; None: the manifest does not say.
        precision: what its segments compute in.
        task: what it answers.
        names: of what it answers: C class names, or the like.
        num_exits: K, of the whole network.
        profiles: cost profiles, as in the manifest.
        files: name to size and hash, of every file but the manifest.
    """

    folder: Path
    manifest: dict[str, Any]
    id: str
    network: str
    weights: str | None
    precision: str
    task: Task[Any]
    names: tuple[str, ...]
    num_exits: int
    profiles: list[dict[str, Any]]
    files: dict[str, dict[str, Any]]
    _directory: _Directory = field(repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Reads the manifest.

        Raises:
            UserError: the folder is not a bundle of this format version.
        """
        path = folder / MANIFEST
        try:
            directory = _Directory(folder)
            data = directory.read(MANIFEST, LARGEST_MANIFEST)
        except OSError as error:
            there = f"{MANIFEST}: {error.strerror}" if folder.is_dir() else error.strerror
            raise UserError(f"{folder} is not a bundle: {there}; expected a folder that eenet-export wrote") from error
        with reading(path):
            manifest = json.loads(data.decode("utf-8"))  # no other encoding, which json would guess
            version = manifest["format_version"]
            if version != FORMAT_VERSION:
                raise UserError(f"{path}: format version {version} came, {FORMAT_VERSION} expected")
            task = task_named(str(manifest["task"]))
            bundle = cls(
                folder,
                manifest,
                id=str(manifest["id"]),
                network=str(manifest["parent"] if "slice" in manifest else manifest["id"]),
                weights=str(manifest["weights"]) if manifest.get("weights") else None,
                precision=str(manifest["precision"]),
                task=task,
                names=tuple(map(str, manifest[task.predictions.names_key])),
                num_exits=len(manifest.get("slice", manifest)["segments"]),
                profiles=[dict(entry) for entry in manifest["profiles"]],
                files={name: {"size": e["size"], "sha256": e["sha256"]} for name, e in manifest["files"].items()},
                _directory=directory,
            )
        try:
            check_manifest(data)
        except BundleError as error:
            raise UserError(f"{folder}: {error}") from error
        return bundle

    @property
    def num_features(self) -> list[int]:
        """F_k of each exit, which its schedules must have."""
        return self.task.num_features(self.manifest, self.num_exits)

    def require_whole(self) -> None:
        """For work that needs all exits of the network.

        Raises:
            UserError: it is a slice.
        """
        if self.network != self.id:
            raise UserError(f"{self.folder} is a slice, expected the bundle of the whole network")

    def read(self, name: str) -> bytes:
        """Contents of a file.

        Raises:
            UserError: the manifest does not list it, it is not a regular file in the folder, or size or hash are not
                those of the manifest.
        """
        expected = self._entry(name)
        try:
            data = self._directory.read(name, expected["size"])
        except OSError as error:
            raise self._missing(name, error) from error
        self._check(name, data)
        return data

    def copy(self, name: str, folder: Path, *, link: bool = False) -> None:
        """Brings a file into another folder, the bytes there checked.

        Args:
            name: of the file.
            folder: where it is not yet.
            link: make it a second name of the same file, where the file system has such.

        Raises:
            UserError: as `read`.
        """
        expected = self._entry(name)
        if link and self._link(name, folder / name):
            self._check(name, _Directory(folder).read(name, expected["size"]))
        else:
            (folder / name).write_bytes(self.read(name))

    def _link(self, name: str, target: Path) -> bool:
        try:
            os.link(name, target, src_dir_fd=self._directory.descriptor, follow_symlinks=False)
        except FileNotFoundError as error:
            raise self._missing(name, error) from error
        except OSError:
            return False
        return True

    def _entry(self, name: str) -> dict[str, Any]:
        if name not in self.files:
            raise UserError(f"{self.folder}: the bundle has no {name}")
        return self.files[name]

    def _missing(self, name: str, error: OSError) -> UserError:
        held = os.fstat(self._directory.descriptor)
        with contextlib.suppress(OSError):
            if os.path.samestat(held, os.stat(self.folder)):
                complaint = f"{name!r} is in the manifest, expected a regular file of that name: {error.strerror}"
                return UserError(f"{self.folder}: {complaint}")
        return UserError(f"{self.folder} was replaced while it was read; try again")

    def _check(self, name: str, data: bytes) -> None:
        found, expected = file_entry(data), self.files[name]
        if found != expected:
            raise UserError(
                f"{self.folder / name}: {found['size']} bytes with SHA-256 {found['sha256']} came, "
                f"{expected['size']} bytes with {expected['sha256']} expected by the manifest"
            )
