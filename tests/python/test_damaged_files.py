"""Archives of arrays and files of tensors that are damaged or on a full disk: one line that names the file."""

from __future__ import annotations

import io
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from eenet.bundles.calibration import parse_calibration, save_calibration
from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.cli.schedule import main as schedule
from eenet.data import load_images
from eenet.errors import UserError
from eenet.files import open_npz
from eenet.preprocessing import ImagePreprocessing
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions, task_named
from eenet.weights import read_state_dict, read_tensors, save_tensors
from support import tiny
from support.photos import pattern

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 4, 40)
LOGITS = RANDOM.standard_normal((40, 3, 4)).astype(np.float32)


def array_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(text: str) -> bytes:
    header = text.encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header


def archive(path: Path, logits: bytes) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("logits.npy", logits)
        file.writestr("labels.npy", array_bytes(LABELS))


def deflate_error(path: Path) -> None:
    np.savez_compressed(path, logits=LOGITS, labels=LABELS)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        first = file.infolist()[0]
    name, extra = struct.unpack("<HH", data[first.header_offset + 26 : first.header_offset + 30])
    start = first.header_offset + 30 + name + extra
    data[start : start + 4] = b"\xff" * 4
    path.write_bytes(data)


def flags(path: Path, offset: int, value: int) -> None:
    """Sets bits in every header of the archive: ``offset`` counts from that of the flags."""
    np.savez(path, logits=LOGITS, labels=LABELS)
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            data[at + place + offset] |= value
    path.write_bytes(data)


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 3, 10), }"
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "deflate": (deflate_error, "logits: Error -3 while decompressing"),
    "encrypted": (lambda path: flags(path, 0, 1), "encrypted"),
    "compression": (lambda path: flags(path, 2, 97), "compression method"),
    "huge": (lambda path: archive(path, with_header(HUGE)), "logits: "),
    "negative": (lambda path: archive(path, with_header(HUGE.replace("1099511627776", "-1"))), "logits: "),
    "header": (lambda path: archive(path, with_header(HUGE.replace("), }", ", }"))), "logits: "),
    "type": (lambda path: archive(path, with_header(HUGE.replace("<f4", "zz"))), "logits: "),
    "nested": (lambda path: archive(path, with_header("(" * 9000 + ")" * 9000)), "logits: "),
    "no array": (lambda path: archive(path, b"hello"), "logits: is not an array"),
    "empty": (lambda path: zipfile.ZipFile(path, "w").close(), "has [], expected logits and labels"),
    "no bytes": (lambda path: path.touch(), "is no .npz archive"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"logits": 1})), "is no .npz archive"),
    "a script": (lambda path: path.write_text("import numpy"), "is no .npz archive"),
    "a pipe": (os.mkfifo, "a pipe came, a regular file expected"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a device or socket came, a regular file expected"),
    "labels beyond int64": (
        lambda path: np.savez(path, logits=LOGITS, labels=np.full(40, 2**64 - 1, np.uint64)),
        "labels: got 18446744073709551615, expected at most 9223372036854775807",
    ),
    "logits beyond use": (
        lambda path: np.savez(path, logits=LOGITS * np.float32(1e30), labels=LABELS), "expected at most 1e+06 by size",
    ),
    "single": (lambda path: path.write_bytes(array_bytes(LABELS)), "is a single array"),
    "objects": (
        lambda path: np.savez(path, logits=np.array([{}]), labels=LABELS),
        "logits: holds objects of Python, expected numbers or texts",
    ),
    "labels of no dimension": (
        lambda path: np.savez(path, logits=LOGITS, labels=np.int64(3)), "logits and labels: got shapes",
    ),
    "names of no dimension": (
        lambda path: np.savez(path, logits=LOGITS, labels=LABELS, class_names=np.array("x")),
        "class_names: got <U1 of shape ()",
    ),
    "index of no dimension": (
        lambda path: np.savez(path, logits=LOGITS, labels=LABELS, index=np.int64(1)), "index: got int64 of shape ()",
    ),
    "structured": (lambda path: np.savez(path, logits=LOGITS, labels=np.zeros(40, "i4,i4")), "labels: got"),
    "folder": (lambda path: path.mkdir(), "a folder came, a regular file expected"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_archive_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    make, message = KINDS[kind]
    path = tmp_path / "val.npz"
    make(path)
    out = tmp_path / "out.safetensors"
    assert schedule(
        ["fit", "--predictions", str(path), "--costs", "1,2,3", "--budget", "2", "--out", str(out)]
    ) == 2  # fmt: skip
    error = capsys.readouterr().err
    assert error.startswith(f"eenet-schedule: error: {path}: ")
    assert message in error
    assert error.count("\n") == 1
    assert len(error) < 600 + len(str(path))
    assert not out.exists()


def test_any_damage_to_an_archive_is_a_user_error_or_none(tmp_path: Path) -> None:
    images, path = pattern(12, 2, size=8), tmp_path / "x.npz"
    for save in (lambda: images.save(path), lambda: ClassPredictions(LOGITS, LABELS, LABELS, tuple("abcd")).save(path)):
        save()
        whole, refused = path.read_bytes(), 0
        for _ in range(300):
            data = bytearray(whole)
            for at in RANDOM.integers(0, len(data), RANDOM.integers(1, 9)):
                data[at] = RANDOM.integers(0, 256)
            path.write_bytes(data[: RANDOM.integers(1, len(data) + 1)] if RANDOM.random() < 0.3 else data)
            for load in (load_images, load_predictions):
                try:
                    load(path)
                except UserError as error:
                    refused += str(path) in str(error)
        assert refused > 300


def test_arrays_of_other_orders_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, logits=np.asfortranarray(LOGITS).astype(">f4"), labels=LABELS.astype(">i2"))
    found = load_predictions(path)
    assert np.array_equal(found.logits, LOGITS)
    assert found.logits.flags.c_contiguous
    assert np.array_equal(found.labels, LABELS)
    with open_npz(path) as file:
        assert file["logits"].flags.c_contiguous
        assert file["labels"].dtype == np.int16
        with pytest.raises(UserError, match="absent"):
            file["absent"]


def test_any_damage_to_tensors_is_a_user_error_or_none(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    Checkpoint("tiny", tiny.create(), tuple("abcdefghij"), ImagePreprocessing((32, 32), (0.5,) * 3, (0.2,) * 3)).save(
        path
    )
    save_calibration(tmp_path / "c", ClassPredictions(LOGITS, LABELS, LABELS, tuple("abcd")), LABELS > 1)
    torch.save(tiny.create().state_dict(), tmp_path / "w.pt")
    readers = {
        path: load_checkpoint,
        tmp_path / "c": lambda file: parse_calibration(file.read_bytes(), task_named("classification"), "abcd", {}),
        tmp_path / "w.pt": read_state_dict,
    }
    for file, read in readers.items():
        whole, refused = file.read_bytes(), 0
        for i in range(200):
            data = bytearray(whole)
            # Mostly in the header, where it tells.
            for at in RANDOM.integers(0, len(data) if i % 4 == 0 else 2000, RANDOM.integers(1, 5)) % len(data):
                data[at] = RANDOM.integers(32, 127)
            file.write_bytes(data[: RANDOM.integers(1, len(data) + 1)] if RANDOM.random() < 0.2 else data)
            try:
                read(file)
            except UserError as error:
                refused += "\n" not in str(error)
        assert refused > 60, file


def test_calibration_of_no_dimension() -> None:
    tensors = {"logits": LOGITS, "labels": np.array(1), "fit": np.array(1, np.uint8)}
    with pytest.raises(UserError, match=r"fit: got uint8 of shape \(\)"):
        parse_calibration(safetensors.numpy.save(tensors), task_named("classification"), "abcd", {})


def test_state_dicts_from_elsewhere(tmp_path: Path) -> None:
    state = tiny.create().state_dict()
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}
    torch.save(wrapped, tmp_path / "w.pt")
    found, _ = read_state_dict(tmp_path / "w.pt")
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    save_tensors(tmp_path / "w.safetensors", state, {})
    assert read_state_dict(tmp_path / "w.safetensors")[0].keys() == state.keys()
    torch.save(tiny.create(), tmp_path / "whole.pt")
    with pytest.raises(UserError, match=r"whole\.pt: holds more than tensors .* save the network's state_dict\(\)"):
        read_state_dict(tmp_path / "whole.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match=r"list\.pt: holds list, expected tensors by name"):
        read_state_dict(tmp_path / "list.pt")
    with pytest.raises(UserError, match=r"absent\.safetensors: No such file"):
        read_tensors(tmp_path / "absent.safetensors")


def limited(size: int) -> None:
    # A file that may not grow is what a full disk is to the writer, and needs no disk of its own.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    path, out = tmp_path / "val.npz", tmp_path / "s.safetensors"
    logits = LOGITS.repeat(10, axis=0)
    labels = LABELS.repeat(10)
    logits[np.arange(400), :, labels] += 2
    np.savez(path, logits=logits, labels=labels)
    arguments = ["fit", "--predictions", path, "--costs", "1,2,3", "--budget", "2", "--out", out]
    command = [sys.executable, "-m", "eenet.cli.schedule", *map(str, arguments)]
    done = subprocess.run(command, preexec_fn=lambda: limited(1000), capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    # Warnings of so few samples come before.
    assert done.stderr.splitlines()[-1].startswith(f"eenet-schedule: error: {out}: File too large")
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["val.npz"]


def test_full_disk_under_every_writer(tmp_path: Path) -> None:
    script = """
import sys, numpy as np
from eenet.checkpoint import Checkpoint
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions, task_named
from eenet.preprocessing import ImagePreprocessing
from eenet.bundles.calibration import save_calibration
sys.path.insert(0, sys.argv[1])
from support import tiny
from support.photos import pattern
images = pattern(20, 2)
predictions = ClassPredictions(np.zeros((400, 3, 4), np.float32), np.zeros(400, int), np.arange(400), tuple("abcd"))
for name, save in (
    ("checkpoint", Checkpoint("tiny", tiny.create(), tuple("abcdefghij"), ImagePreprocessing.fit(images.images)).save),
    ("images", images.save),
    ("predictions", predictions.save),
    ("calibration", lambda path: save_calibration(path, predictions, np.zeros(400, bool))),
):
    try:
        save(sys.argv[2] + "/" + name)
    except OSError as error:
        print(name, error.errno, error.filename == sys.argv[2] + "/" + name)
"""
    command = [sys.executable, "-c", script, str(Path(__file__).parents[1]), str(tmp_path)]
    done = subprocess.run(command, preexec_fn=lambda: limited(3000), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{name} 27 True" for name in ("checkpoint", "images", "predictions", "calibration")
    ]
    assert done.stderr == ""
    assert os.listdir(tmp_path) == []
