"""Segments that somebody else exported: what makes a bundle of them, and what does not fit together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import eenet_rt
from eenet.bundles import Tensor
from eenet.errors import UserError
from eenet.preprocessing import ImagePreprocessing
from eenet.tasks.classification import ClassPredictions
from eenet.workflows.predict import bundle_images
from eenet.workflows.profile import ProfileOptions
from eenet_export import ExportOptions, bundle_segments
from eenet_export.board import Board
from eenet_export.cli import main
from eenet_export.onnx_file import OnnxFile, Port, precision_of, read_onnx
from support import golden, masked, mixed
from support.busy import lines_but_busy

QUICK = ExportOptions(policy="maximum", profile=ProfileOptions(repeats=10))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The three segments of the masked bundle: two inputs, a free length, skips."""
    folder = masked.write(tmp_path / "masked.eenet")
    return [folder / f"segment_{k}.onnx" for k in range(3)]


def logits(samples: dict[str, np.ndarray]) -> np.ndarray:
    """By numpy; the last segment adds the number of samples that it runs on, which is one."""
    said = masked.logits(samples["x"], samples["mask"])
    said[:, -1] += 1
    return said


@pytest.fixture
def validation() -> ClassPredictions:
    said = logits(masked.inputs(300, 5, seed=1))
    labels = said[:, -1].argmax(axis=1)
    labels[::5] = (labels[::5] + 1) % 3
    return ClassPredictions(said, labels, np.arange(300), ("zero", "one", "two"))


def test_files_to_a_bundle(files: list[Path], validation: ClassPredictions, tmp_path: Path) -> None:
    samples, said = masked.inputs(20, 4), []
    out = tmp_path / "mine.eenet"
    result = bundle_segments(
        files, validation, out, samples=samples, logits=logits(samples), max_sizes={"tokens": 6}, options=QUICK,
        say=said.append,
    )  # fmt: skip
    assert result.max_error == [0, 0, 0]
    assert "segments: 3 exits, inputs x, mask" in said
    assert any("largest difference from the logits given per exit 0.0e+00" in line for line in said)
    manifest = json.loads((out / "manifest.json").read_text())
    other = json.loads((files[0].parent / "manifest.json").read_text())
    for key in ("tensors", "inputs", "segments", "preprocessing"):
        assert manifest[key] == other[key]
    assert manifest["symbols"] == {"batch": {"max": 1024}, "tokens": {"max": 6}}
    for k, file in enumerate(files):
        assert (out / f"segment_{k}.onnx").read_bytes() == file.read_bytes()
    runtime = eenet_rt.load(out)
    assert (runtime.class_names, runtime.num_exits) == (["zero", "one", "two"], 3)
    again = masked.inputs(5, 6, seed=7)
    for row, expected in enumerate(logits(again)):
        sample = {name: array[row] for name, array in again.items()}
        assert np.array_equal(runtime.infer(sample, forced_exit=2, return_outputs=True).logits, expected)


def test_command(
    files: list[Path], validation: ClassPredictions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    validation.save(tmp_path / "val.npz")
    command = ["--segments", *map(str, files), "--predictions", str(tmp_path / "val.npz"), "--out", str(tmp_path)]
    command += ["--repeats", "10", "--policy", "maximum", "--max-sizes", "tokens=6"]
    assert main(command) == 0
    assert "verify: 8 samples, no logits given to compare with" in capsys.readouterr().out
    assert eenet_rt.load(tmp_path / "network.eenet").schedule is not None
    samples = masked.inputs(20, 4)
    np.savez(tmp_path / "samples.npz", **samples, logits=logits(samples))
    more = ["--samples", str(tmp_path / "samples.npz"), "--name", "mine", "--exits", "0:2"]
    assert main([*command, *more, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["max_error"] == [0, 0, 0]
    assert (tmp_path / "mine_0-2.eenet").is_dir()
    np.savez(tmp_path / "samples.npz", **samples, logits=logits(samples) + np.float32(0.5) * np.eye(3, dtype="f"))
    assert main([*command, *more]) == 2
    assert "verify: outputs differ from those given by" in lines_but_busy(capsys.readouterr().err)[-1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--predictions", "val.npz"], "--max-sizes: have none of 'tokens', expected one for each free dimension"),
        ([], "--predictions: is not given, expected those of the network"),
        (["--predictions", "val.npz", "--checkpoint", "w.pt"], "--checkpoint: goes with --model"),
        (
            ["--predictions", "val.npz", "--max-sizes", "tokens=6", "time=3"],
            "--max-sizes: got 'time', expected 'tokens'",
        ),
        (["--predictions", "val.npz", "--max-sizes", "tokens=0"], "--max-sizes: tokens: got 0, expected at least 1"),
        (["--predictions", "val.npz", "--unit", "flops"], "--unit: got flops, which are not counted in ONNX files"),
        (
            ["--predictions", "val.npz", "--exit-outputs", "logits_0"],
            "--exit-outputs: got 1, expected one for each of 3",
        ),
        (["--predictions", "val.npz", "--preprocessing", "p.json"], "p.json: malformed: "),
    ],
)
def test_refusals_of_the_command(
    files: list[Path], validation: ClassPredictions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], more: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    validation.save("val.npz")
    Path("p.json").write_text("{")
    assert main(["--segments", *map(str, files), "--policy", "maximum", *more]) == 2
    *_, line = lines_but_busy(capsys.readouterr().err)
    assert message in line
    assert not Path("network.eenet").exists()


def test_options_of_segments_are_refused_with_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "resnet56", "--max-sizes", "tokens=6"]) == 2
    assert "--max-sizes: goes with --segments" in capsys.readouterr().err
    for more, message in (
        (["--segments", "a.onnx"], "not allowed with argument"),
        (["--max-sizes", "tokens"], "got 'tokens', expected NAME=N, as tokens=128"),
        (["--name", "a/b"], "got 'a/b', expected a name without a folder"),
    ):
        with pytest.raises(SystemExit):
            main(["--model", "resnet56", *more])
        assert message in capsys.readouterr().err


def rename(model: onnx.ModelProto, old: str, new: str | int | None) -> None:
    """Another name, size, or neither for a dimension throughout a graph."""
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == old:
                dim.Clear()
                if isinstance(new, str):
                    dim.dim_param = new
                elif new is not None:
                    dim.dim_value = new


def edit(file: Path, change: Callable[[onnx.ModelProto], object]) -> None:
    model = onnx.load(file)
    change(model)
    onnx.save(model, file)


def bundled(files: list[Path], validation: ClassPredictions, **more: Any) -> dict[str, Any]:
    out = files[0].parent.parent / "mine.eenet"
    bundle_segments(files, validation, out, max_sizes={"tokens": 6}, options=QUICK, **more)
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return manifest


def test_each_file_may_call_its_dimensions_otherwise(files: list[Path], validation: ClassPredictions) -> None:
    edit(files[0], lambda model: rename(model, "batch", "N"))
    edit(files[2], lambda model: (rename(model, "batch", "s0"), rename(model, "tokens", "s1")))
    manifest = bundled(files, validation)
    assert manifest["tensors"]["hidden"]["shape"] == ["batch", "tokens", 3]
    assert set(manifest["symbols"]) == {"batch", "tokens"}


def test_later_tensors_have_the_names_of_the_first_ones() -> None:
    def file(reads: Port, writes: Port) -> OnnxFile:
        return OnnxFile("a.onnx", b"", (reads,), (writes,), Counter())

    board = Board()
    board.add(file(Port("x", "float32", ("b", "t", 3)), Port("h", "float32", ("b", "t", 3))))
    board.add(file(Port("h", "float32", ("n", "s", 3)), Port("g", "float32", ("n", "s", 3))))
    assert board.tensors["g"] == Tensor("float32", ("t", 3))
    with pytest.raises(UserError, match=r"'f': got float32 \[n, s, u\], expected sizes, and names of dimensions"):
        board.add(file(Port("g", "float32", ("n", "s", 3)), Port("f", "float32", ("n", "s", "u"))))
    with pytest.raises(UserError, match="'y': has the batch among its other dimensions"):
        board.add(file(Port("y", "float32", ("n", "n")), Port("f", "float32", ("n", 3))))


def test_weights_that_lie_beside_a_file_come_inside(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    files = [folder / f"part_{k}.onnx" for k in range(2)]
    for k, file in enumerate(files):
        model = onnx.load(golden.GOLDEN / f"segment_{k}.onnx")
        model.ir_version = 11
        onnx.save(model, file, save_as_external_data=True, location=f"{k}.bin", size_threshold=0)
        assert (folder / f"{k}.bin").exists()
    said = golden.logits()[np.arange(200) % 4]
    said += np.random.default_rng(0).normal(0, 0.1, said.shape).astype(np.float32)
    validation = ClassPredictions(said, said[:, -1].argmax(axis=1), np.arange(200), ("a", "b", "c"))
    out = tmp_path / "mine.eenet"
    options = ExportOptions(policy="maximum", unit="params", profile=ProfileOptions(repeats=10))
    result = bundle_segments(
        files, validation, out, samples={"x": golden.INPUTS}, logits=golden.logits(), options=options
    )
    assert result.parameters == [12, 21]
    model = onnx.load(out / "segment_0.onnx", load_external_data=False)
    assert model.ir_version == 10
    assert numpy_helper.to_array(model.graph.initializer[0]).tolist() == golden.FIRST.tolist()


def _as_float16(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


@pytest.mark.parametrize(
    ("k", "change", "message"),
    [
        (0, lambda m: rename(m, "batch", 1), "expected a first dimension that is free and the same for all: the batch"),
        (0, lambda m: rename(m, "tokens", None), "'x': got float32 [batch, ?, 3], expected sizes, and names"),
        (
            1,
            lambda m: rename(m, "tokens", 6),
            "input 'hidden': got float32 [batch, 6, 3], expected float32 [batch, tokens",
        ),
        (1, lambda m: rename(m, "tokens", "batch"), "segment_1.onnx: input 'hidden': got float32 [batch, batch, 3]"),
        (
            0,
            lambda m: m.opset_import[0].ClearField("version") or setattr(m.opset_import[0], "version", 17),
            "is of opset 17",
        ),
        (1, _as_float16, "segment_1.onnx: "),
    ],
)
def test_files_that_do_not_fit(
    files: list[Path], validation: ClassPredictions, k: int, change: Callable[[Any], object], message: str
) -> None:
    edit(files[k], change)
    with pytest.raises(UserError) as caught:
        bundled(files, validation)
    assert message in str(caught.value)


def test_order_exits_and_logits(files: list[Path], validation: ClassPredictions, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"segment_0.onnx: writes '.*', which it or a file before it reads, expected f"):
        bundled([files[1], files[0], files[2]], validation)
    with pytest.raises(UserError, match="predictions: got dict, expected those of classes, as "):
        bundled(files, {"logits": validation.logits})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"segment_1.onnx: \d of its outputs|reads|a second time"):
        bundled([files[0], files[0], files[2]], validation)
    with pytest.raises(UserError, match=r"'mask': got int64 \[batch, tokens\], expected|its exit 'mask' is none of"):
        bundled(files, validation, exit_outputs=["mask", "logits_1", "logits_2"])
    with pytest.raises(
        UserError, match=r"'hidden': got float32 \[batch, tokens, 3\], expected logits, float32 \[batch, 3\]"
    ):
        bundled(files, validation, exit_outputs=["hidden", "logits_1", "logits_2"])
    with pytest.raises(UserError, match="predictions: got 3 exits, 3 classes, mine has 2 and 3"):
        bundled(files[:2], validation, exit_outputs=["logits_0", "logits_1"])
    samples = masked.inputs(4, 3)
    with pytest.raises(UserError, match=r"logits: got shape \(4, 2, 3\), expected \(4, 3, 3\), as the samples"):
        bundled(files, validation, samples=samples, logits=logits(samples)[:, :2])
    with pytest.raises(UserError, match="'mask' lacks"):
        bundled(files, validation, samples={"x": samples["x"]})


def test_two_outputs_that_could_be_logits(validation: ClassPredictions, tmp_path: Path) -> None:
    def model(source: str, outputs: list[str]) -> Path:
        info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in (source, *outputs)]
        nodes = [helper.make_node("Identity", [source], [name]) for name in outputs]
        graph = helper.make_graph(nodes, "g", info[:1], info[1:])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.save(made, tmp_path / f"{outputs[0]}.onnx")
        return tmp_path / f"{outputs[0]}.onnx"

    files = [model("x", ["a", "b", "trunk"]), model("trunk", ["c"]), model("c", ["d"])]
    with pytest.raises(
        UserError, match=r"a.onnx: 2 of its outputs 'a', 'b', 'trunk' are float32 \[batch, 3\] and read"
    ):
        bundle_segments(files, validation, tmp_path / "out.eenet", options=QUICK)


def test_tensors_of_every_dtype(tmp_path: Path) -> None:
    folder = mixed.write(tmp_path / "mixed.eenet")
    files = [folder / f"segment_{k}.onnx" for k in range(2)]
    said = mixed.logits(**mixed.inputs(300, seed=1))
    labels = said[:, -1].argmax(axis=1).astype(np.int64)
    labels[::5] = (labels[::5] + 1) % 3
    validation = ClassPredictions(said, labels, np.arange(300), ("zero", "one", "two"))
    out, samples = tmp_path / "mine.eenet", mixed.inputs(20)
    wide = {"x": samples["x"].astype(float), "tokens": samples["tokens"].astype(np.int64), "pixels": samples["pixels"]}
    result = bundle_segments(files, validation, out, samples=wide, logits=mixed.logits(**samples), options=QUICK)
    assert result.max_error == [0, 0]
    manifests = [json.loads((path / "manifest.json").read_text()) for path in (out, folder)]
    assert manifests[0]["tensors"] == manifests[1]["tensors"]
    with pytest.raises(UserError, match="samples: tokens: got 4294967295 to 4294967295, which int32 does not hold"):
        bundle_segments(files, validation, out, samples={**wide, "tokens": np.full((1, 3), 2**32 - 1)}, options=QUICK)
    # Half-precision logits are found, and refused by their name.
    edit(files[0], _let_logits_be_half)
    with pytest.raises(UserError, match=r"'logits_0': got float16 \[batch, 3\], expected logits, float32 .* a Cast$"):
        bundle_segments(files, validation, out, options=QUICK)


def _let_logits_be_half(model: onnx.ModelProto) -> None:
    *_, cast = model.graph.node
    cast.attribute[0].i = TensorProto.FLOAT16
    model.graph.output[-1].type.tensor_type.elem_type = TensorProto.FLOAT16


@pytest.mark.parametrize(
    ("weights", "precision"),
    [
        ((), "float32"),
        ((np.float32,), "float32"),
        ((np.float16, np.float16, np.float32), "float16"),
        ((np.int64, np.float16), "float16"),
        ((np.int8, np.uint8, np.float32), "int8"),
    ],
)
def test_the_precision_is_that_of_most_weights(tmp_path: Path, weights: tuple[Any, ...], precision: str) -> None:
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", "y")]
    tensors = [numpy_helper.from_array(np.zeros(4, kind), f"w{i}") for i, kind in enumerate(weights)]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", info[:1], info[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "a.onnx")
    file = read_onnx(tmp_path / "a.onnx")
    assert precision_of([file, file]) == precision
    assert file.weights.total() == 4 * len([kind for kind in weights if kind != np.int64])


def test_the_writer_needs_no_pytorch() -> None:
    code = "import sys, eenet.bundles; print([m for m in ('torch', 'onnx') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(("shape", "images"), [((3, 8, 8), True), ((4, 8, 8), False), ((3, 8), False)])
def test_images_without_a_preprocessing_are_told(tmp_path: Path, shape: tuple[int, ...], images: bool) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])
    files, reads = [], x
    for k in range(2):
        out = helper.make_tensor_value_info(f"logits_{k}", TensorProto.FLOAT, ["n", 3])
        kept = helper.make_tensor_value_info(f"kept_{k}", TensorProto.FLOAT, ["n", *shape])
        weight = numpy_helper.from_array(np.eye(int(np.prod(shape)), 3, dtype=np.float32), f"w_{k}")
        nodes = [
            helper.make_node("Flatten", [reads.name], [f"flat_{k}"]),
            helper.make_node("MatMul", [f"flat_{k}", f"w_{k}"], [out.name]),
            helper.make_node("Relu", [reads.name], [kept.name]),
        ]
        graph = helper.make_graph(nodes, "g", [reads], [out, kept] if k == 0 else [out], [weight])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        files.append(tmp_path / f"part_{k}.onnx")
        onnx.save(model, files[-1])
        reads = kept
    said: list[str] = []
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 300)
    noisy = (2 * np.eye(3)[labels][:, None] + random.normal(size=(300, 2, 3))).astype(np.float32)
    validation = ClassPredictions(noisy, labels, np.arange(300), tuple("abc"))
    out_folder = tmp_path / "mine.eenet"
    bundle_segments(files, validation, out_folder, options=QUICK, say=said.append)
    assert any("no preprocessing is declared (--preprocessing)" in line for line in said) == images
    with pytest.raises(UserError, match="'image': eenet-export --segments declares it where it gets --preprocessing"):
        bundle_images(out_folder, tmp_path / "photos")
    declared = ImagePreprocessing((8, 8), (0.5,) * 3, (0.5,) * 3)
    if images:
        said.clear()
        bundle_segments(files, validation, out_folder, preprocessing=declared, options=QUICK, say=said.append)
        assert not any("no preprocessing" in line for line in said)


def test_no_model_at_all(validation: ClassPredictions, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\xffnot a model")
    with pytest.raises(UserError, match=r"a\.onnx: not an ONNX model that can be read"):
        bundle_segments([tmp_path / "a.onnx"], validation, tmp_path / "out.eenet", options=QUICK)
    with pytest.raises(UserError, match="a folder came, a regular file expected"):
        bundle_segments([tmp_path], validation, tmp_path / "out.eenet", options=QUICK)
