"""Code of a network that changes under its weights or under a run that goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import eenet_export.cli
from eenet.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint
from eenet.errors import UserError
from eenet.models import MultiExitNetwork, create_model, registry
from eenet.training.state import code_identity
from eenet.weights import read_tensors, save_tensors
from support import networks, tiny
from support.pages import blocks

NET, TEXTS = blocks("networks.md", "python")[:2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with net.py of the page; what was imported from it is forgotten in the end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    forget(tmp_path)


def forget(folder: Path) -> None:
    """As in a new process."""
    for name, module in list(sys.modules.items()):
        if str(folder) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def saved(path: Path, network: MultiExitNetwork, model: str = "") -> Path:
    classes = tuple(map(str, range(network.num_classes)))
    Checkpoint(model or network.name, network, classes, None).save(path)
    return path


def probe_of(path: Path) -> Any:
    return json.loads(read_tensors(path)[1][CHECKPOINT])["probe"]


def test_weights_of_code_that_changed_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(here / "w.safetensors", create_model("net.py:Small", 3))
    forget(here)
    (here / "net.py").write_text(f"# The same by another name.\n{NET}")
    assert load_checkpoint(path, code="net.py:Small").model == "net.py:Small"
    forget(here)
    (here / "net.py").write_text(NET.replace("nn.ReLU", "nn.SiLU"))
    with pytest.raises(UserError) as caught:
        load_checkpoint(path, code="net.py:Small")
    message = str(caught.value)
    assert message.startswith(
        f"{path}: the network net.py:Small answers otherwise than when these weights were saved (exit 0: its logits "
    )
    assert message.endswith("): was its code changed?")
    assert eenet_export.cli.main(["--model", "net.py:Small", "--checkpoint", str(path)]) == 2
    assert capsys.readouterr().err == f"eenet-export: error: {message}\n"
    forget(here)
    (here / "net.py").write_text(NET.replace("nn.ReLU()", "nn.Unflatten(2, (3, 5))"))
    with pytest.raises(UserError, match=r"^model 'net\.py:Small': .*RuntimeError: "):
        load_checkpoint(path, code="net.py:Small")


def test_weights_of_registered_networks_are_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "w.safetensors", create_model("tiny", 10))
    load_checkpoint(path)

    def changed(num_classes: int) -> MultiExitNetwork:
        network = tiny.TinyNetwork(num_classes)
        network.exits[1].register_forward_hook(lambda _, __, logits: 1.1 * logits)
        return network

    monkeypatch.setitem(registry._ENTRIES, "tiny", registry.ModelEntry("tiny", changed))
    with pytest.raises(UserError, match=r"\(exit 1: its logits are off by .* was its code changed\?$"):
        load_checkpoint(path)


def test_weights_without_a_probe_load_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "w.safetensors", create_model("tiny", 10))
    tensors, metadata = read_tensors(path)
    description = json.loads(metadata[CHECKPOINT])
    other = [[[1.0, 2.0]]]
    for probe, message in ((None, None), ("x", "malformed: ValueError"), (other, r"instead of \(1, 1, 2\)")):
        save_tensors(path, tensors, {CHECKPOINT: json.dumps({**description, "probe": probe})})
        if message is None:
            load_checkpoint(path)
            continue
        with pytest.raises(UserError, match=message):
            load_checkpoint(path)
    del description["probe"]
    save_tensors(path, tensors, {CHECKPOINT: json.dumps(description)})
    load_checkpoint(path)


@pytest.mark.parametrize("network", [networks.TwoInputs, networks.HalfPrecision, networks.Tokens])
def test_networks_of_whole_numbers_and_free_lengths_have_a_probe(
    network: type[MultiExitNetwork], tmp_path: Path
) -> None:
    path = saved(tmp_path / "w.safetensors", network(), "x")
    assert np.shape(probe_of(path)) == (network().num_exits, 2, networks.CLASSES)


def test_the_page_s_texts_have_a_probe(here: Path) -> None:
    (here / "texts.py").write_text(TEXTS)
    path = saved(here / "w.safetensors", create_model("texts.py:Texts", 20))
    assert np.shape(probe_of(path)) == (2, 2, 8)
    load_checkpoint(path, code="texts.py:Texts")


class Dice(tiny.TinyNetwork):
    """Random by itself, and where it is asked to, no network at all."""

    fails = False

    def run_segment(self, k: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.fails:
            raise ValueError("not today")
        *rest, logits = super().run_segment(k, *tensors)
        return (*rest, logits + torch.randn(logits.shape))


@pytest.mark.parametrize("fails", [False, True])
def test_networks_that_tell_nothing_have_none(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Dice, "fails", fails)
    assert probe_of(saved(tmp_path / "w.safetensors", Dice(10), "x")) is None
    (record,) = caplog.records
    assert "nothing will tell whether its code was changed since these weights: " in record.getMessage()
    assert ("ValueError: not today" if fails else "it does not answer alike twice") in record.getMessage()


def test_a_probe_leaves_everything_as_it_was(tmp_path: Path) -> None:
    network = Dice(10).train()
    network.exits[0].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random, modes = torch.get_rng_state(), [module.training for module in network.modules()]
    saved(tmp_path / "w.safetensors", network, "x")
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_run_knows_the_modules_that_its_network_s_code_imports(here: Path) -> None:
    code = "from parts.blocks import act\nimport colorsys_of_one_s_own\n" + NET.replace("nn.ReLU()", "act()")
    helper = "from torch import nn\n\ndef act():\n    return {}\n"
    activation = "nn.Softplus({})"

    def identity(folder: Path, text: str, *, installed: str = "x = 1\n") -> str:
        forget(here)
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        (folder / "site-packages").mkdir(exist_ok=True)
        (folder / "net.py").write_text(code)
        (folder / "parts" / "blocks.py").write_text(text)
        (folder / "site-packages" / "colorsys_of_one_s_own.py").write_text(installed)
        sys.path[:0] = [str(folder), str(folder / "site-packages")]
        return code_identity(create_model(f"{folder / 'net.py'}:Small", 3))

    first = identity(here / "a", helper.format(activation.format("1")))
    assert identity(here / "a", helper.format(activation.format("1"))) == first
    # In another folder, beside another version of an installed package.
    assert identity(here / "b", helper.format(activation.format("1")), installed="x = 2\n") == first
    assert identity(here / "a", helper.format(activation.format("1") + "  # as it was")) != first
