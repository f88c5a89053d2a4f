"""The bytes of format version 1: the writer still makes those in the repository, and the reader still reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import eenet_rt
from support import golden


def test_writer_makes_the_same_bytes(tmp_path: Path) -> None:
    segments = [(golden.GOLDEN / f"segment_{k}.onnx").read_bytes() for k in range(2)]
    golden.write(tmp_path / "tiny.eenet", segments)
    names = sorted(path.name for path in golden.GOLDEN.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "tiny.eenet").iterdir())
    for name in names:
        written, kept = ((folder / name).read_bytes() for folder in (tmp_path / "tiny.eenet", golden.GOLDEN))
        if name == "manifest.json":
            (written_manifest, versions), (kept_manifest, _) = (_without_versions(data) for data in (written, kept))
            assert written_manifest == kept_manifest
            assert {"eenet", "torch", "onnx"} <= set(versions)
        else:
            assert written == kept, name


def _without_versions(data: bytes) -> tuple[str, dict[str, str]]:
    manifest = json.loads(data)
    versions = manifest.pop("versions")
    return json.dumps(manifest), versions


def test_reader_understands_them() -> None:
    file = eenet_rt.read_schedules(str(golden.GOLDEN / "scheduler.safetensors"))
    assert [s.policy for s in file.schedules] == ["linear", "hidden"]
    for read, made in zip(file.schedules, golden.schedules(), strict=True):
        assert (read.budget, read.unit, list(read.costs), read.margin) == (made.budget, "flops", [24, 42], 0.5)
        assert (read.calibration_samples, read.calibration_shares) == (4, made.calibration_shares)
        ours, theirs = read.exit_policy, made.exit_policy
        assert ours.clamp == theirs.clamp
        assert np.array_equal(ours.thresholds, theirs.thresholds)
        assert (ours.combiner is None) == (theirs.combiner is None)
        for a, b in zip(ours.scorers[0], theirs.scorers[0], strict=True):
            assert np.array_equal(np.ravel(a), np.ravel(b))


def test_the_bundle_runs() -> None:
    runtime = eenet_rt.load(str(golden.GOLDEN))
    assert (runtime.model, runtime.num_exits, list(runtime.class_names)) == ("golden", 2, ["zero", "one", "two"])
    results = [runtime.infer(x, return_outputs=True) for x in golden.INPUTS]
    # By hand: max p of exit 0 is e/(e+2) = 0.576, the same, e^3/(e^3+2) = 0.909 and 1/3; the margin is worth half of
    # itself, 1/8 is added, and 0.6 is the threshold: 0.576 + 0.5 * (0.576 - 0.212) + 0.125 = 0.883 leaves, 1/3 +
    # 0.125 stays.
    assert [r.exit for r in results] == [0, 0, 0, 1]
    assert [r.label for r in results] == [0, 1, 2, 1]
    p = np.e / (np.e + 2)
    assert np.isclose(results[0].scores[0], p + 0.5 * (p - (1 - p) / 2) + 0.125, atol=1e-6)
    assert results[2].scores[0] == 1, "clamped"
    for result, logits in zip(results, golden.logits(), strict=True):
        assert np.allclose(result.logits, logits[: result.exit + 1], atol=1e-6)
    # Exit 1 of the last sample: z_1 = l_0 / 4 + 3 l_1 / 4 + (0, 0.5, 0), and both l are uniform.
    expected = np.exp([0, 0.5, 0]) / np.exp([0, 0.5, 0]).sum()
    assert np.allclose(results[3].probabilities, expected, atol=1e-6)
