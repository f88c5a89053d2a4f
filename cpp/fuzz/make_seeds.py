"""Writes what the fuzz targets begin with, from the golden bundle: ``make_seeds.py FOLDER``; a folder a target.

Also ``FOLDER/words.dict``, the words of the formats, for targets that read JSON.
"""

from __future__ import annotations

import io
import json
import re
import struct
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import eenet_rt

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "tiny.eenet"


def handoffs() -> list[bytes]:
    """Of the golden bundle's first exit, under its policy and at full depth."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
        eenet_rt.slice_bundle(GOLDEN, 0, 1, Path(folder) / "head.eenet")
        head = eenet_rt.load(Path(folder) / "head.eenet")
        noise = np.random.default_rng(0).standard_normal((64, 4), np.float32)
        found = [head.infer(noise[0], policy=None).handoff]
        for sample in noise:
            result = head.infer(sample)
            if not result.complete:
                found.append(result.handoff)
                break
    return [bytes(handoff) for handoff in found]


def npy_files() -> list[bytes]:
    """Arrays that are taken, and some that are not."""
    files = []
    for array in (np.zeros((2, 3), np.float32), np.arange(4), np.asfortranarray(np.ones((2, 2), np.float32))):
        for version in ((1, 0), (2, 0), (3, 0)):
            file = io.BytesIO()
            np.lib.format.write_array(file, array, version)
            files.append(file.getvalue())
    return files


def bundle(manifest: bytes) -> bytes:
    """As ``fuzz_bundle.cpp`` takes it apart: each file with its length before it, in the order of their names."""
    names = sorted(json.loads(manifest)["files"])
    parts = [manifest, *((GOLDEN / name).read_bytes() for name in names)]
    return b"".join(struct.pack("<H", len(part)) + part for part in parts)


def seeds() -> dict[str, list[bytes]]:
    """By target."""
    manifest = (GOLDEN / "manifest.json").read_bytes()
    compact = json.dumps(json.loads(manifest), separators=(",", ":")).encode()
    schedules = (GOLDEN / "scheduler.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", schedules)
    description = json.loads(schedules[8 : 8 + length])["__metadata__"]["eenet"].encode()
    with tempfile.TemporaryDirectory() as folder:
        eenet_rt.slice_bundle(GOLDEN, 1, 2, Path(folder) / "tail.eenet")
        part = (Path(folder) / "tail.eenet" / "manifest.json").read_bytes()
    random = np.random.default_rng(0)
    return {
        "bundle": [bundle(compact)],
        "c_api": [random.bytes(200) for _ in range(8)],
        "handoff": handoffs(),
        "manifest": [compact, part],
        "npy": npy_files(),
        "onnx_file": [path.read_bytes() for path in sorted(GOLDEN.glob("*.onnx"))],
        "safetensors": [schedules, (GOLDEN / "calibration.safetensors").read_bytes()],
        "schedules": [description],
    }


def main() -> None:
    """Writes them."""
    folder, made = Path(sys.argv[1]), seeds()
    for target, files in made.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(files):
            (folder / target / f"seed_{i}").write_bytes(data)
    text = b"".join(made["manifest"] + made["schedules"] + made["safetensors"])
    words = sorted({word.decode() for word in re.findall(rb'"([\w.]{1,40})\\?"', text)})
    (folder / "words.dict").write_text("".join(f'"\\"{word}\\""\n' for word in words))


if __name__ == "__main__":
    main()
