"""Bundles are untrusted: whatever is wrong with one is one clear error at load, which names the object."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.bundles.bundle import Bundle
from eenet.errors import UserError
from support.bundles import edit_manifest, list_files

Manifest = dict[str, Any]


@pytest.fixture
def copy(tiny: TrainedBundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.path, tmp_path / "copy.eenet"))


def refused(bundle: Path, *words: str, error: type[Exception] = eenet_rt.BundleError) -> None:
    with pytest.raises(error) as caught:
        eenet_rt.load(str(bundle))
    message = str(caught.value)
    assert "\n" not in message.strip()
    for word in words:
        assert word in message, message


def test_the_copy_itself_loads(copy: Path) -> None:
    assert eenet_rt.load(str(copy)).num_exits == 3


def test_no_such_folder(tmp_path: Path) -> None:
    refused(tmp_path / "absent.eenet", "absent.eenet")


@pytest.mark.parametrize(
    "name", ["manifest.json", "segment_1.onnx", "scheduler.safetensors", "calibration.safetensors"]
)
def test_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    refused(copy, name)


@pytest.mark.parametrize(
    "name", ["manifest.json", "segment_1.onnx", "scheduler.safetensors", "calibration.safetensors"]
)
def test_truncated_file(copy: Path, name: str) -> None:
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    refused(copy, name)


@pytest.mark.parametrize("name", ["segment_1.onnx", "scheduler.safetensors", "calibration.safetensors"])
def test_altered_file(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    refused(copy, name, "SHA-256")


def test_wrong_hash_in_the_manifest(copy: Path) -> None:
    edit_manifest(copy, lambda m: m["files"]["segment_0.onnx"].update(sha256="0" * 64))
    refused(copy, "id", "segments' hashes")


def test_altered_segment_with_a_matching_hash_changes_the_identity(copy: Path) -> None:
    data = bytearray((copy / "segment_1.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "segment_1.onnx").write_bytes(data)
    list_files(copy, "segment_1.onnx")
    refused(copy, "id")


@pytest.mark.parametrize("name", ["../segment_0.onnx", "/etc/hostname", "sub/segment_0.onnx", "..", ""])
def test_paths_that_leave_the_folder(copy: Path, name: str) -> None:
    def change(manifest: Manifest) -> None:
        manifest["segments"][0]["files"]["onnx"] = name
        manifest["files"][name] = manifest["files"].pop("segment_0.onnx")

    shutil.copy(copy / "segment_0.onnx", copy.parent / "segment_0.onnx")
    edit_manifest(copy, change)
    refused(copy, "files")


@pytest.mark.parametrize("name", ["segment_0.onnx", "manifest.json"])
def test_links(copy: Path, name: str) -> None:
    (copy / name).rename(copy.parent / "elsewhere")
    (copy / name).symlink_to(copy.parent / "elsewhere")
    refused(copy, name, "link")


def test_a_folder_in_place_of_a_file(copy: Path) -> None:
    (copy / "segment_0.onnx").unlink()
    (copy / "segment_0.onnx").mkdir()
    refused(copy, "segment_0.onnx")


@pytest.mark.parametrize(
    "key",
    [
        "format_version",
        "id",
        "model",
        "task",
        "precision",
        "class_names",
        "preprocessing",
        "symbols",
        "tensors",
        "inputs",
        "segments",
        "files",
    ],
)
def test_missing_key(copy: Path, key: str) -> None:
    edit_manifest(copy, lambda m: m.pop(key))
    refused(copy, key)


WRONG: list[tuple[str, Callable[[Manifest], None], tuple[str, ...]]] = [
    ("version", lambda m: m.update(format_version=2), ("format_version", "2", "1")),
    ("version type", lambda m: m.update(format_version="1"), ("format_version",)),
    ("task", lambda m: m.update(task="poetry"), ("task", "poetry")),
    ("class names type", lambda m: m.update(class_names=[1, 2]), ("class_names",)),
    ("class names count", lambda m: m.update(class_names=["a", "b"]), ("class",)),
    ("segments type", lambda m: m.update(segments={}), ("segments",)),
    ("no segments", lambda m: m.update(segments=[]), ("segments",)),
    ("too many segments", lambda m: m.update(segments=m["segments"] * 30), ("segments",)),
    ("unknown input", lambda m: m["segments"][1].update(inputs=["nowhere"]), ("nowhere",)),
    ("output written twice", lambda m: m["segments"][1]["outputs"].append("trunk_0"), ("trunk_0",)),
    ("input of a later segment", lambda m: m["segments"][0].update(inputs=["trunk_1"]), ("trunk_1",)),
    ("exit is no output", lambda m: m["segments"][1].update(exit=["logits_2"]), ("logits_2",)),
    ("exit missing", lambda m: m["segments"][1].pop("exit"), ("exit",)),
    ("unknown dtype", lambda m: m["tensors"]["image"].update(dtype="float128"), ("image", "float128")),
    ("zero dimension", lambda m: m["tensors"]["image"].update(shape=["batch", 0, 32, 32]), ("image",)),
    ("negative dimension", lambda m: m["tensors"]["image"].update(shape=["batch", -3, 32, 32]), ("image",)),
    ("fractional dimension", lambda m: m["tensors"]["image"].update(shape=["batch", 2.5, 32, 32]), ("image",)),
    ("huge dimension", lambda m: m["tensors"]["image"].update(shape=["batch", 2**62, 32, 32]), ("image",)),
    ("huge product", lambda m: m["tensors"]["image"].update(shape=["batch", 65536, 65536, 65536]), ("image",)),
    ("number beyond 64 bits", lambda m: m["tensors"]["image"].update(shape=["batch", 10**30, 32, 32]), ("image",)),
    ("too many dimensions", lambda m: m["tensors"]["image"].update(shape=["batch"] + [1] * 20), ("image",)),
    ("unknown symbol", lambda m: m["tensors"]["image"].update(shape=["batch", "width", 32, 32]), ("image", "width")),
    ("no batch first", lambda m: m["tensors"]["image"].update(shape=[3, 32, 32]), ("image", "batch")),
    ("no batch symbol", lambda m: m.update(symbols={}), ("batch",)),
    ("huge batch", lambda m: m["symbols"]["batch"].update(max=2**40), ("batch",)),
    ("size type", lambda m: m["files"]["segment_0.onnx"].update(size="big"), ("segment_0.onnx", "size")),
    ("size wrong", lambda m: m["files"]["segment_0.onnx"].update(size=10**15), ("segment_0.onnx",)),
    ("hash malformed", lambda m: m["files"]["segment_0.onnx"].update(sha256="xyz"), ("segment_0.onnx", "sha256")),
    ("file not listed", lambda m: m["files"].pop("segment_0.onnx"), ("segment_0.onnx",)),
    ("profile costs fall", lambda m: m["profiles"][0].update(costs=[3, 2, 1]), ("costs",)),
    ("profile costs count", lambda m: m["profiles"][0].update(costs=[1, 2]), ("costs",)),
    ("profile unit", lambda m: m["profiles"][0].update(unit="joule"), ("unit", "joule")),
    ("another shape", lambda m: m["tensors"]["trunk_0"].update(shape=["batch", 13, 16, 16]), ("trunk_0",)),
    ("another name", lambda m: m["segments"][2]["outputs"].__setitem__(0, "x"), ("x",)),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_manifest(copy: Path, change: Callable[[Manifest], None], words: tuple[str, ...]) -> None:
    edit_manifest(copy, change)
    refused(copy, *words)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format_version": 1', "\xff\xfe", "[" * 100_000])
def test_manifest_that_is_no_object(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text, encoding="latin-1")
    refused(copy, "manifest.json")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text + b"\0", "a NUL byte came"),
        (lambda text: b"\xef\xbb\xbf" + text, "a byte order mark came"),
        (lambda text: text.decode().encode("utf-16"), "manifest.json"),
    ],
)
def test_manifest_in_another_encoding(copy: Path, change: Callable[[bytes], bytes], word: str) -> None:
    path = copy / "manifest.json"
    path.write_bytes(change(path.read_bytes()))
    refused(copy, "manifest.json", word)
    with pytest.raises(UserError, match=r"manifest\.json: malformed"):
        Bundle.open(copy)


def test_manifest_that_is_too_large(copy: Path) -> None:
    with open(copy / "manifest.json", "a") as file:
        file.write(" " * (16 << 20))
    refused(copy, "manifest.json")
    with pytest.raises(UserError, match=r"manifest\.json: \d+ bytes came, at most 16777216 expected$"):
        Bundle.open(copy)


def test_file_that_has_grown(copy: Path) -> None:
    with open(copy / "segment_1.onnx", "ab") as file:
        file.write(b"more")
    size = (copy / "segment_1.onnx").stat().st_size
    with pytest.raises(UserError, match=rf"{size} bytes came, at most {size - 4} expected by the manifest"):
        Bundle.open(copy).read("segment_1.onnx")


def test_unknown_keys_are_ignored(copy: Path) -> None:
    edit_manifest(copy, lambda m: m.update(future={"a": 1}))
    assert eenet_rt.load(str(copy)).num_exits == 3


def test_segment_that_is_no_onnx(copy: Path) -> None:
    (copy / "segment_0.onnx").write_bytes(b"not an onnx model")
    list_files(copy, "segment_0.onnx")
    new_id = hashlib.sha256()
    for k in range(3):
        new_id.update(hashlib.sha256((copy / f"segment_{k}.onnx").read_bytes()).hexdigest().encode() + b"\n")
    edit_manifest(copy, lambda m: m.update(id=new_id.hexdigest()))
    (copy / "scheduler.safetensors").unlink()
    edit_manifest(copy, lambda m: m["files"].pop("scheduler.safetensors"))
    refused(copy, "segment_0.onnx", error=eenet_rt.EenetError)


# --- scheduler.safetensors ---


def edit_schedules(bundle: Path, change: Callable[[Manifest], None]) -> None:
    path = bundle / "scheduler.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    description = json.loads(header["__metadata__"]["eenet"])
    change(description)
    header["__metadata__"]["eenet"] = json.dumps(description)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    list_files(bundle, "scheduler.safetensors")


WRONG_SCHEDULES: list[tuple[str, Callable[[Manifest], None], tuple[str, ...]]] = [
    ("another network", lambda d: d.update(network="0" * 64), ("network",)),
    ("version", lambda d: d.update(format_version=9), ("format_version", "9")),
    ("feature spec", lambda d: d.update(feature_spec=2), ("feature_spec", "2")),
    ("exits", lambda d: d["num_features"].append(14), ("3 costs came", "4 exits")),
    ("features", lambda d: d.update(num_features=[15, 14, 14]), ("scorer.0.0.weight",)),
    ("features of the last exit", lambda d: d.update(num_features=[14, 14, 15]), ("[14, 14, 15] came, [14, 14, 14]",)),
    ("no features", lambda d: d.update(num_features=[14, 0, 14]), ("num_features[1]",)),
    ("active", lambda d: d.update(active=99), ("active",)),
    ("missing tensor", lambda d: d["schedules"][0].update(scorer="elsewhere"), ("elsewhere",)),
    ("costs", lambda d: d["schedules"][0].update(costs=[1, 2]), ("costs",)),
    ("unit", lambda d: d["schedules"][0].update(unit="joule"), ("unit",)),
    ("order", lambda d: d["schedules"].reverse(), ("budget",)),
    ("clamp type", lambda d: d["schedules"][0].update(clamp="yes"), ("clamp",)),
    ("missing key", lambda d: d["schedules"][0].pop("margin"), ("margin",)),
]


@pytest.mark.parametrize(("change", "words"), [w[1:] for w in WRONG_SCHEDULES], ids=[w[0] for w in WRONG_SCHEDULES])
def test_wrong_schedules(copy: Path, change: Callable[[Manifest], None], words: tuple[str, ...]) -> None:
    edit_schedules(copy, change)
    refused(copy, *words, error=eenet_rt.ScheduleError)


def test_schedules_of_another_bundle(copy: Path, request: pytest.FixtureRequest) -> None:
    other: TrainedBundle = request.getfixturevalue("resnet56")
    shutil.copy(other.path / "scheduler.safetensors", copy)
    list_files(copy, "scheduler.safetensors")
    refused(copy, "network", error=eenet_rt.ScheduleError)
