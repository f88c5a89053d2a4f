"""Networks whose inputs are no images: what they declare, what samples are taken, weights of any training script."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import eenet_rt
from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.cli.report import main as report
from eenet.errors import UserError
from eenet.models import MultiExitNetwork, create_model
from eenet.preprocessing import ImagePreprocessing
from eenet_export.cli import main
from eenet_export.samples import example_of, network_inputs, read_samples
from eenet_export.shapes import symbolic_shapes, thinned
from support import networks
from support.busy import lines_but_busy
from support.networks import HalfPrecision, Tokens, TwoInputs
from support.pages import blocks

MODEL = "support.networks:Tokens"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Weights, predictions and samples as a training script of one's own may write them."""
    torch.manual_seed(0)
    network = Tokens()
    torch.save({"state_dict": network.state_dict()}, tmp_path / "weights.pt")
    safetensors.torch.save_file(network.state_dict(), tmp_path / "weights.safetensors")
    networks.predictions(network).save(tmp_path / "validation.npz")
    np.savez(tmp_path / "samples.npz", **networks.inputs(network, 20), other=np.zeros(3))
    return tmp_path


def arguments(run: Path, *more: str) -> list[str]:
    return ["--model", MODEL, "--out", str(run / "out"), "--repeats", "10", "--policy", "maximum", *more]


def test_a_state_dict_and_arrays(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(run, "--checkpoint", str(run / "weights.pt"), "--unit", "params", "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert max(result["max_error"]) < 1e-4
    runtime = eenet_rt.load(run / "out" / "Tokens.eenet")
    assert runtime.class_names == ["class 0", "class 1", "class 2"]
    assert runtime.infer({"ids": np.array([3]), "mask": np.array([1])}).exit in range(3)


def test_a_builder_that_brings_its_weights(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--predictions", str(run / "validation.npz"), "--samples", str(run / "samples.npz")]
    (run / "net.py").write_text(
        "import safetensors.torch\nfrom support.networks import Tokens\n\ndef trained():\n    network = Tokens()\n"
        f"    network.load_state_dict(safetensors.torch.load_file({str(run / 'weights.safetensors')!r}))\n"
        "    return network\n"
    )
    assert main(arguments(run, "--model", f"{run / 'net.py'}:trained", *files)) == 0
    assert f"wrote {run / 'out' / 'trained.eenet'} (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--checkpoint", "weights.pt", "--samples", "validation.npz"], "expected an array for each input: ids, mask"),
        (["--checkpoint", "validation.npz"], "--checkpoint: validation.npz: not a file of torch.save"),
        (["--predictions", "validation.npz"], "--samples: is not given, nor a --checkpoint, beside which"),
        (["--checkpoint", "weights.pt", "--model", "support.networks:TwoInputs"], "weights of support.networks:TwoInp"),
        (["--checkpoint", "weights.pt", "--samples", "long.npz"], "samples: ids: got shape (2, 13), expected (N, tok"),
        (["--checkpoint", "weights.pt", "--samples", "words.npz"], "IndexError: index out of range in self"),
    ],
)
def test_refusals(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str], message: str
) -> None:
    monkeypatch.chdir(run)
    np.savez("long.npz", **networks.inputs(Tokens(), 2, tokens=13))
    inputs = networks.inputs(Tokens(), 2)
    np.savez("words.npz", **{**inputs, "ids": inputs["ids"] + networks.VOCABULARY})
    assert main(arguments(run, *more)) == 2
    *_, line = lines_but_busy(capsys.readouterr().err)
    assert message in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": None}, "samples: have ['ids'], expected an array for each input, and 'mask' lacks"),
        ({"mask": np.ones((4, 6), np.int64)}, "mask: got shape (4, 6), expected (N = 4, tokens = 5)"),
        ({"mask": np.ones((3, 5), np.int64)}, "mask: got shape (3, 5), expected (N = 4, tokens = 5)"),
        ({"ids": np.ones((4, 13), np.int64)}, "ids: got shape (4, 13), expected (N, tokens <= 12)"),
        ({"ids": np.ones(4, np.int64)}, "ids: got shape (4,), expected (N, tokens <= 12)"),
        ({"ids": np.ones((4, 0), np.int64)}, "ids: got shape (4, 0)"),
        ({"ids": np.ones((0, 5), np.int64)}, "ids: got shape (0, 5)"),
        ({"ids": np.ones((4, 5), np.float32)}, "ids: got float32, expected int64"),
    ],
)
def test_samples_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    samples = {"ids": np.ones((4, 5), np.int64), "mask": np.ones((4, 5), np.int64), **change}
    with pytest.raises(UserError) as caught:
        network_inputs(_checkpoint(Tokens()), {name: array for name, array in samples.items() if array is not None})
    assert message in str(caught.value)


def test_numbers_of_other_widths_are_taken_for_what_they_are() -> None:
    inputs = network_inputs(_checkpoint(TwoInputs()), {"kind": np.ones(3, np.uint8), "signal": np.ones((3, 4))})
    assert {name: array.dtype for name, array in inputs.items()} == {"signal": np.float32, "kind": np.int64}
    with pytest.raises(UserError, match="got images alone, expected an array for each of signal, kind"):
        network_inputs(_checkpoint(TwoInputs()), np.zeros((1, 2, 2, 3), np.uint8))


def test_logits_are_float32_whatever_the_rest_is() -> None:
    network = HalfPrecision()
    network.heads = nn.ModuleList(nn.Linear(networks.WIDTH, 3) for _ in range(2)).half()
    with pytest.raises(UserError, match=r"exit 0: its head writes float16 logits 'logits_0', expected float32: let it"):
        symbolic_shapes(network.eval(), example_of(network, networks.inputs(network, 3)))


def test_images_as_they_are_and_as_arrays(tmp_path: Path) -> None:
    preprocessing = ImagePreprocessing((32, 32), (0.5,) * 3, (0.25,) * 3)
    checkpoint = replace(_checkpoint(create_model("resnet56")), preprocessing=preprocessing)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.zeros(3, np.int64))
    np.savez(tmp_path / "ready.npz", image=preprocessing(images))
    np.savez(tmp_path / "bytes.npz", image=images)
    for name in ("images", "ready", "bytes"):
        inputs = network_inputs(checkpoint, read_samples(tmp_path / f"{name}.npz", checkpoint))
        assert np.array_equal(inputs["image"], preprocessing(images))


def test_a_checkpoint_without_preprocessing(tmp_path: Path) -> None:
    checkpoint = _checkpoint(Tokens())
    checkpoint.save(tmp_path / "w.safetensors")
    again = load_checkpoint(tmp_path / "w.safetensors", code=MODEL)
    assert again.preprocessing is None
    assert again.id == checkpoint.id


def _checkpoint(network: MultiExitNetwork) -> Checkpoint:
    name = MODEL if isinstance(network, Tokens) else "x"
    return Checkpoint(name, network, tuple(map(str, range(network.num_classes))), None)


class Wrong(Tokens):
    """The first segment hands on something else than its hidden states."""

    def __init__(self, change: str) -> None:
        super().__init__()
        self.change = change

    def core(self, k: int, *tensors: torch.Tensor) -> torch.Tensor:
        x = super().core(k, *tensors)
        if k > 0:
            return x
        changes = {"one more": [x, x[:, :1]], "twice": [x, x]}
        return torch.cat(changes[self.change], dim=1) if self.change in changes else x.transpose(0, 1)

    def run_segment(self, k: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if k == 0:
            return self.core(0, *tensors), torch.zeros(len(tensors[0]), 3)
        return tuple(torch.zeros(len(tensors[1]), 3) for _ in self.segments[k].outputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "one more",
            "tensor 'hidden_0': its dimension 1 is 8, and 7 where tokens is 6, not 7; expected one that stays",
        ),
        ("twice", "tensor 'hidden_0': its dimension 1 is 14, and 12 where tokens is 6, not 7"),
        ("turned", "tensor 'hidden_0': has the shape ['tokens', 'batch', 8], expected the batch as its first"),
    ],
)
def test_tensors_that_no_manifest_describes(change: str, message: str) -> None:
    network = Wrong(change).eval()
    with pytest.raises(UserError) as caught:
        symbolic_shapes(network, example_of(network, networks.inputs(network, 3)))
    assert message in str(caught.value)


def test_the_page_on_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    _, net, use, _ = blocks("networks.md", "python")
    (tmp_path / "texts.py").write_text(net)
    torch.manual_seed(0)
    network = create_model("texts.py:Texts", 3)
    ids = torch.randint(0, 1000, (300, 9))
    with torch.inference_mode():
        logits = torch.stack(network.eval()(ids, torch.ones_like(ids)), dim=1).numpy()
    torch.save(network.state_dict(), "texts.pt")
    np.savez("validation.npz", logits=logits, labels=logits[:, 1].argmax(axis=1))
    np.savez("samples.npz", ids=ids[:20].numpy(), mask=np.ones((20, 9), np.int64))
    _, command = blocks("networks.md", "sh")
    assert main([*shlex.split(command)[1:], "--repeats", "10", "--policy", "maximum"]) == 0
    capsys.readouterr()
    exec(compile(use, "page", "exec"), {})
    assert int(capsys.readouterr().out) in range(3)
    np.savez("test.npz", logits=logits[:150] + 1e-3, labels=logits[:150, 1].argmax(axis=1))
    assert report(["Texts.eenet", "--predictions", "test.npz", "--out", "texts.html"]) == 0, capsys.readouterr().err
    assert "samples of noise, which take as long ran to every exit" in (tmp_path / "texts.html").read_text()


def test_examples_have_no_size_of_one() -> None:
    network = Tokens()
    example = example_of(network, networks.inputs(network, 1, tokens=1))
    assert {tuple(tensor.shape) for tensor in example.values()} == {(2, 2)}


def test_thinned_samples_keep_both_ends() -> None:
    ids = np.arange(14).reshape(2, 7)
    assert thinned(Tokens(), {"ids": ids, "mask": ids})["ids"].tolist() == [[0, 3, 6], [7, 10, 13]]
    assert thinned(TwoInputs(), {"signal": ids})["signal"].tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("shapes", "more", "message"),
    [
        ({"x": ("n",)}, {}, "input 'x': its dimension 'n' is in no symbols"),
        ({"x": ("n",)}, {"symbols": {"n": 1}}, "symbols: n: got 1, expected a largest size of at least 2"),
        ({"x": ("n",)}, {"symbols": {"n": 4, "m": 4}}, "symbols: m is in the shape of no input"),
        ({"x": ("batch",)}, {"symbols": {"batch": 4}}, "symbols: got 'batch', expected the name of a variable other"),
        ({"x": ("a b",)}, {"symbols": {"a b": 4}}, "symbols: got 'a b', expected the name of a variable"),
        ({"x": (0,)}, {}, r"input 'x': got the shape \(0,\), expected sizes of at least 1"),
        ({"x": (3,)}, {"dtypes": {"y": torch.int64}}, "dtypes: 'y' is none of the inputs x"),
        (
            {"x": (3,)},
            {"dtypes": {"x": torch.int16}},
            "input 'x': got torch.int16, expected one of torch.float32, torch.int64, torch.float16",
        ),
    ],
)
def test_declarations_that_no_bundle_could_make(shapes: dict[str, Any], more: dict[str, Any], message: str) -> None:
    specs = [networks.SegmentSpec(("x",), ("a",), "a")]
    with pytest.raises(UserError, match=message):
        networks._Parts(2, specs, shapes, **more)
