"""``eenet-export``: what it writes, what it refuses, and that nothing is half written."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import eenet_rt
from conftest import TrainedBundle
from eenet.bundles.bundle import Bundle
from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.costs import CostProfile
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.outputs import check_replaceable
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.profile import ProfileOptions, linear_policy
from eenet.zoo import zoo_folder
from eenet_export.cli import main
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions
from eenet_export.verify import verify_outputs, verify_schedules
from support import golden
from support import tiny as tiny_network
from support.busy import lines_but_busy


@pytest.fixture
def run(tiny: TrainedBundle, tmp_path: Path) -> Path:
    """A folder as ``eenet-train`` leaves it."""
    folder = tmp_path / "run"
    folder.mkdir()
    tiny.checkpoint.save(folder / "weights.safetensors")
    tiny.validation.save(folder / "validation.npz")
    tiny.report_images[:40].save(folder / "samples.npz")
    return folder


def arguments(run: Path, out: Path, *more: str) -> list[str]:
    return [
        "--model",
        "tiny",
        "--checkpoint",
        str(run / "weights.safetensors"),
        "--out",
        str(out),
        "--repeats",
        "20",
        *more,
    ]


def test_segments_are_plain_onnx(tiny: TrainedBundle) -> None:
    manifest = json.loads((tiny.path / "manifest.json").read_text())
    for segment in manifest["segments"]:
        model = onnx.load(tiny.path / segment["files"]["onnx"])
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version <= 10
        assert 18 <= model.opset_import[0].version <= 20
        assert [i.name for i in model.graph.input] == segment["inputs"]
        assert [o.name for o in model.graph.output] == segment["outputs"]
        for value in (*model.graph.input, *model.graph.output):
            dimensions = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
            assert dimensions == manifest["tensors"][value.name]["shape"]
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        assert os.sep + "site-packages" not in str(model), "no paths of this machine"


def test_default_budgets(tiny: TrainedBundle) -> None:

    file = eenet_rt.read_schedules(str(tiny.path / "scheduler.safetensors"))
    costs = file.schedules[0].costs
    shares = [0.5, 0.6, 0.65, 0.7, 0.8, 0.9]
    feasible = [s for s in shares if round(s * costs[-1], 4) >= costs[0]]
    assert [s.budget for s in file.schedules] == pytest.approx([s * costs[-1] for s in feasible], abs=1e-4)
    assert file.schedules[file.active].budget == pytest.approx(max(0.65, feasible[0]) * costs[-1], abs=1e-4)
    assert all(b >= a for a, b in itertools.pairwise(costs))


def test_command(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(run, tmp_path, "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert Path(result["bundle"]) == tmp_path / "tiny.eenet"
    assert result["parameters"] == tiny_network.create().parameters_to_exit()
    assert max(result["max_error"]) < 1e-3
    before = (tmp_path / "tiny.eenet" / "manifest.json").read_bytes()
    # Far above what any machine takes, for costs are measured anew.
    assert main(arguments(run, tmp_path, "--budget-ms", "2000")) == 2
    assert "budget 2,000 ms is above full cost, so that nothing would leave early" in capsys.readouterr().err
    assert (tmp_path / "tiny.eenet" / "manifest.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "tiny.eenet"]


def test_counted_budgets_are_checked_before_the_work(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(run, tmp_path, "--unit", "flops", "--budget", "1e300")) == 2
    printed = capsys.readouterr()
    assert "budget 1e+300 flops is above full cost" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_runs_leave_nothing_for_long(run: Path, tmp_path: Path, number: int) -> None:
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    code = f"""
import os, signal, sys
import eenet_export.assemble, eenet_export.cli
eenet_export.assemble.measure = lambda *arguments, **options: os.kill(os.getpid(), {int(number)})
from support import tiny
sys.exit(eenet_export.cli.main(sys.argv[1:]))
"""
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, *arguments(run, out)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    killed = number == signal.SIGKILL
    assert done.returncode == (-number if killed else 128 + number), done.stderr
    # Other packages leave files of other names there.
    assert not [*scratch.glob("tmp*")]
    assert [path.name[:7] for path in out.iterdir()] == [".eenet-"] * killed
    check_replaceable(out / "tiny.eenet", folder=True)  # as the next run begins
    assert not [*out.iterdir()]


def test_slices_beside_the_bundle(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slices = ["--exits", "0:2", "2:3"]
    assert main(arguments(run, tmp_path, "--policy", "maximum", *slices, "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["slices"] == [str(tmp_path / name) for name in ("tiny_0-2.eenet", "tiny_2-3.eenet")]
    whole = json.loads((tmp_path / "tiny.eenet" / "manifest.json").read_text())
    for path in map(Path, result["slices"]):
        assert json.loads((path / "manifest.json").read_text())["parent"] == whole["id"]
    # Again, in place of the ones that are there.
    assert main(arguments(run, tmp_path, "--policy", "maximum", "--budget", "90 %", "80%", *slices)) == 0
    text = capsys.readouterr().out
    assert "ms (90%)" in text
    assert f"wrote {tmp_path / 'tiny_2-3.eenet'} (" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "tiny.eenet", "tiny_0-2.eenet", "tiny_2-3.eenet"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--exits", "1:1"], "exits: got 1:1, expected some of 0:3, not none and not all"),
        (["--exits", "0:2", "2:4"], "exits: got 2:4"),
        (["--exits", "0:3"], "exits: got 0:3"),
        (["--budget-ms", "0.000001"], "budget 1e-06 ms cannot be met: feasible are"),
        (["--budget-ms", "1", "--unit", "flops"], "--budget-ms: --unit flops came with it, give --budget"),
        (["--repeats", "0"], "--repeats: got 0, expected 1 to 1000000"),
        (["--out", "my.eenet"], "--out: got my.eenet, expected the folder to write NAME.eenet in; NAME is --name"),
        (["--checkpoint", "absent.safetensors"], "--checkpoint: absent.safetensors: No such file or directory"),
        (["--checkpoint", __file__], f"--checkpoint: {__file__}: holds more than tensors and plain values"),
        (
            ["--predictions", "absent.npz"],
            "--predictions: absent.npz is not a file; eenet-train writes it beside the weights",
        ),
        (["--seed", "-1"], "--seed: got -1, expected 0 to 2^63 - 1"),
        (["--restarts", "2"], "--restarts: is no setting of learned-stopping"),
        (["--policy", "eenet", "--beta-h", "-1"], "--beta-h: got -1, expected a number above 0"),
        (["--model", "resnet56"], "holds tiny, expected resnet56"),
        (["--model", "vgg"], "model 'vgg' is not known"),
    ],
)
def test_refusals(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str) -> None:
    before = sorted(p.name for p in tmp_path.iterdir())
    assert main(arguments(run, tmp_path, *more)) == 2
    (refusal,) = lines_but_busy(capsys.readouterr().err)
    assert message in refusal
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_no_shipped_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "tiny"]) == 2
    assert (
        "model 'tiny' has no shipped weights (there are densenet121, resnet56): give --checkpoint"
        in capsys.readouterr().err
    )


def test_wrong_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--model", "tiny", "--policy", "dice"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("exits", ["", "2", "0-2", ":2", "0:", "-1:2", "0:2:3"])
def test_exits_that_are_no_range(capsys: pytest.CaptureFixture[str], exits: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--model", "tiny", f"--exits={exits}"])
    assert caught.value.code == 2
    assert f"got {exits!r}, expected BEGIN:END, as 0:2 for exits 0 and 1" in capsys.readouterr().err


def test_predictions_of_another_network(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = zoo_folder("densenet121") / "validation.npz"
    assert main(arguments(run, tmp_path, "--predictions", str(other))) == 2
    assert "got 4 exits, 100 classes, tiny has 3 and 10" in capsys.readouterr().err
    # As many exits and classes: by the id that eenet-train and eenet-predict note.
    validation = load_predictions(run / "validation.npz")
    for name, network in (("own", load_checkpoint(run / "weights.safetensors").id), ("other", "weights:00")):
        replace(validation, network=network).save(tmp_path / f"{name}.npz")
    assert main(arguments(run, tmp_path, "--predictions", str(tmp_path / "other.npz"))) == 2
    error = "validation predictions: holds predictions of another network than this tiny, by the ids of the two"
    assert error in capsys.readouterr().err
    assert main(arguments(run, tmp_path, "--predictions", str(tmp_path / "own.npz"), "--policy", "maximum")) == 0


def test_verify_notices_another_network(tiny: TrainedBundle) -> None:
    torch.manual_seed(1)
    message = r"outputs differ from PyTorch's by .* of their deviation per exit, the bound is 0\.001"
    with pytest.raises(UserError, match=message):
        verify_outputs(tiny.path, tiny_network.create(), {"image": tiny.inputs[:5]}, ProfileOptions())


@pytest.mark.parametrize("scale", [1e-5, 1e4])
def test_verification_knows_no_scale(tiny: TrainedBundle, tmp_path: Path, scale: float) -> None:
    """Logits may be of any size: what counts is how large a difference is beside their deviation."""
    network = tiny_network.create()
    network.load_state_dict(tiny.checkpoint.network.state_dict())
    heads = [network.head(k) for k in range(3)]

    def scale_logits(factor: float) -> None:
        with torch.no_grad():
            for head in heads:
                assert isinstance(head, torch.nn.Sequential)
                for parameter in head[-1].parameters():
                    parameter *= factor

    scale_logits(scale)
    checkpoint = replace(tiny.checkpoint, network=network)
    validation = replace(tiny.validation, logits=tiny.validation.logits * np.float32(scale))
    images, out = tiny.report_images.images[:20], tmp_path / "x.eenet"
    result = export_bundle(checkpoint, validation, images, out, _quick_options(), lambda line: None)
    assert 0 < max(result.max_error) < 1e-4
    exits, _ = verify_outputs(out, network, {"image": tiny.inputs[:20]}, ProfileOptions())
    assert max(np.abs(logits).max() for (logits,) in exits) == pytest.approx(
        scale * np.abs(tiny.report.logits[:20]).max(), rel=1e-3
    )
    scale_logits(1.01)
    with pytest.raises(UserError, match="of their deviation per exit"):
        verify_outputs(out, network, {"image": tiny.inputs[:20]}, ProfileOptions())


def test_verify_notices_other_calibration_data(tiny: TrainedBundle) -> None:
    with pytest.raises(UserError, match="leaves the calibration set in shares"):
        verify_schedules(tiny.path, {"image": tiny.inputs[:5]}, tiny.report, ProfileOptions())


def test_failed_verification_keeps_the_old_bundle(
    tiny: TrainedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Path(shutil.copytree(tiny.path, tmp_path / "tiny.eenet"))
    before = {p.name: p.read_bytes() for p in old.iterdir()}
    monkeypatch.setattr("eenet_export.verify.BOUND", 0.0)
    said: list[str] = []
    with pytest.raises(UserError, match="verify"):
        export_bundle(
            tiny.checkpoint, tiny.validation, tiny.report_images.images[:5], old, _quick_options(), said.append
        )
    assert not [line for line in said if line.startswith("measure")], "what is refused is not measured first"
    assert {p.name: p.read_bytes() for p in old.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.eenet"]


def test_the_bundle_itself_is_measured(tiny: TrainedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its segments are written once, and no schedule is made up for it."""
    seen = {}

    def measured(bundle: Path, *_: object, combined: bool, static_bundle: Path) -> CostProfile:
        seen["files"] = {path.name: path.stat().st_ino for path in bundle.iterdir()}
        seen["combined"], seen["static"] = combined, static_bundle
        return CostProfile.of_this_device([1.0, 2.0, 3.0], 1, "float32", static=2.5)

    monkeypatch.setattr("eenet_export.assemble.measure", measured)
    out = tmp_path / "x.eenet"
    images = tiny.report_images.images[:5]
    export_bundle(tiny.checkpoint, tiny.validation, images, out, _quick_options(), lambda line: None)
    files = {path.name: path.stat().st_ino for path in out.iterdir()}
    segments = {f"segment_{k}.onnx" for k in range(3)}
    assert {name: seen["files"][name] for name in segments} == {name: files[name] for name in segments}
    assert seen["files"].keys() == segments | {"manifest.json"}
    assert seen["combined"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.eenet"], "the network without exits is gone"


@pytest.mark.parametrize("combined", [False, True])
def test_exits_are_scored_while_they_are_measured(combined: bool) -> None:
    runtime = eenet_rt.load(golden.GOLDEN)
    policy = linear_policy(Bundle.open(golden.GOLDEN), combined=combined)
    assert (policy.combiner is not None) == combined
    first, last = (
        runtime.infer(np.ones(golden.FIRST.shape[0], np.float32), policy=policy, forced_exit=k) for k in range(2)
    )
    assert (first.exit, last.exit) == (0, 1)
    assert first.scores[0] == last.scores[0] != 0


def _quick_options() -> ExportOptions:
    return ExportOptions(policy="maximum", profile=ProfileOptions(repeats=10))


COMMAND = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import support.tiny
from support.exporter import keep_translations
from eenet_export.cli import main
keep_translations()
sys.exit(main())
"""


def command(run: Path, out: Path) -> list[str]:
    """``eenet-export`` in a process of its own, which knows the tiny network."""
    return [sys.executable, "-c", COMMAND, *arguments(run, out, "--policy", "maximum")]


def test_disk_full(run: Path, tmp_path: Path) -> None:
    """A file system of 128 kB, in a mount namespace of its own: the bundle needs more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    isolate = ["unshare", "--mount", "--map-root-user"]
    allowed = subprocess.run([*isolate, "true"], capture_output=True, text=True)
    if allowed.returncode != 0:
        pytest.skip(f"no mount namespaces here: {allowed.stderr.strip()}; test_file_too_large does without")
    script = 'mount -t tmpfs -o size=128k tmpfs "$0" && "$@"; status=$?; ls -A "$0"; exit $status'
    done = subprocess.run(
        [*isolate, "sh", "-c", script, disk, *command(run, disk)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert not any("eenet" in line for line in done.stdout.splitlines() if ":" not in line), (
        "nothing is left on the disk"
    )


def test_file_too_large(run: Path, tmp_path: Path) -> None:
    """Files end at 50 or 100 kB (shells differ) by the process's limit: the calibration file is larger."""
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 100 && exec "$@"', "sh", *command(run, out)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("after", ["export: segment 0", "measure:", "fit maximum: budget"])
def test_interrupt(run: Path, tmp_path: Path, after: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(command(run, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout is not None
    deadline = time.monotonic() + 240
    for line in process.stdout:
        if line.startswith(after) or time.monotonic() > deadline:
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert "interrupted; nothing was written" in error
    assert "Traceback" not in error
    assert list(out.iterdir()) == []


def test_export_of_an_untrained_network_by_its_own_predictions(cifar10: ImageSet, tmp_path: Path) -> None:
    """Any network of the registry goes through, however bad: nothing in the way depends on its being good."""
    from eenet.preprocessing import ImagePreprocessing
    from eenet.training import predict

    torch.manual_seed(0)
    network = tiny_network.create().eval()
    preprocessing = ImagePreprocessing.fit(cifar10.images[:100])
    validation: ClassPredictions = predict(network, cifar10[:400], preprocessing)
    checkpoint = Checkpoint("tiny", network, cifar10.class_names, preprocessing)
    result = export_bundle(
        checkpoint, validation, cifar10.images[:10], tmp_path / "x.eenet", _quick_options(), lambda line: None
    )
    assert np.all(np.diff(result.profile.costs) >= 0)
    assert result.profile.static is not None
