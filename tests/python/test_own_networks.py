"""Networks that are not of the registry: builders in files, modules and other packages, and what they do wrong."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import eenet.cli.train
import eenet_export.cli
import eenet_rt
from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.models import MultiExitNetwork, SegmentSpec, create_model, list_models, model_entry, registry
from eenet.preprocessing import ImagePreprocessing
from support.pages import blocks
from support.photos import write_folder

NET = blocks("networks.md", "python")[0]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with net.py of the page; what was imported from it is forgotten in the end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    path, known = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def refused(name: str, *arguments: int) -> str:
    with pytest.raises(UserError) as caught:
        create_model(name, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_page_from_photographs_to_a_bundle(
    here: Path, cifar10: ImageSet, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(cifar10[cifar10.labels >= 7][:200], here / "photos")
    block, *_ = blocks("networks.md", "sh")
    train, export = (shlex.split(line) for line in block.splitlines())
    assert eenet.cli.train.main([*train[1:], "--epochs", "1", "--threads", "1"]) == 0
    assert f"next: {shlex.join(export)}\n" in capsys.readouterr().out
    assert eenet_export.cli.main([*export[1:], "--repeats", "10", "--policy", "maximum"]) == 0
    manifest = json.loads((here / "Small.eenet" / "manifest.json").read_text())
    assert manifest["model"] == "Small"
    assert eenet_rt.load(here / "Small.eenet").num_exits == 2


def test_a_module_of_the_current_folder(here: Path) -> None:
    package = here / "package_of_nets"
    package.mkdir()
    (package / "nets.py").write_text("import net_of_mine as net\n\ndef build():\n    return net.Small(4)\n")
    (here / "net_of_mine.py").write_text(NET)
    network = create_model("package_of_nets.nets:build")
    assert (network.num_classes, network.name) == (4, "package_of_nets.nets:build")
    assert "it is of 4 classes, expected 5" in refused("package_of_nets.nets:build", 5)


def test_a_file_elsewhere_and_what_lies_beside_it(here: Path) -> None:
    folder = here / "elsewhere"
    folder.mkdir()
    (folder / "sizes_of_mine.py").write_text("CLASSES = 6\n")
    (folder / "net.py").write_text(f"{NET}\nimport sizes_of_mine\ncount = []\ncount.append(1)\n")
    first, second = (create_model("elsewhere/net.py:Small", 6) for _ in range(2))
    assert first.name == "net.py:Small"
    assert type(first) is type(second), "the file is run once"
    assert type(first) is not type(create_model("net.py:Small", 6))
    assert model_entry("elsewhere/net.py:Small").short_name == "Small"


def test_number_of_classes_and_options(here: Path) -> None:
    (here / "net.py").write_text(
        f"{NET}\n"
        "def required(classes, *, wide=False, act=nn.ReLU):\n    return Small(classes)\n"
        "def usual(width=3, num_classes=7):\n    return Small(num_classes)\n"
        "def by_position(classes, /):\n    return Small(classes)\n"
    )
    assert create_model("net.py:required", 3).options == {"wide": False}
    assert create_model("net.py:required", 3, wide=True).options == {"wide": True}
    assert create_model("net.py:usual").num_classes == 7
    assert create_model("net.py:usual", 3).num_classes == 3
    assert create_model("net.py:by_position", 3).num_classes == 3
    assert model_entry("net.py:required").needs_classes
    assert "its builder takes classes, and none is given" in refused("net.py:required")
    with pytest.raises(UserError, match="has no option 'deep'; it has act, wide"):
        create_model("net.py:required", 3, deep=True)


def test_what_is_no_builder(here: Path) -> None:
    (here / "net.py").write_text(f"{NET}\nnumber = 3\ndef bare(num_classes):\n    return nn.Linear(3, num_classes)\n")
    assert "there is no module 'absent' in the current folder or on Python's path" in refused("absent.nets:build")
    assert "there is no module 'json.absent'" in refused("json.absent:build")
    assert "absent.py is no file" in refused("absent.py:build")
    assert "net.py has no 'build'; it has 'part', 'head', 'Small', 'bare'" in refused("net.py:build")
    assert "number is of type int, expected a callable that returns a MultiExitNetwork" in refused("net.py:number")
    for name in (":build", "net.py:", ":"):
        assert "expected package.module:builder or file.py:builder" in refused(name)
    returned = "the builder returned torch.nn.modules.linear.Linear, expected an eenet.models.MultiExitNetwork"
    assert returned in refused("net.py:bare", 3)
    assert "known are densenet121" in refused("vgg")


def test_errors_in_the_code_say_where(here: Path) -> None:
    broken = here / "broken.py"
    broken.write_text("import torch\n\nraise ValueError('not\\ntoday')\n")
    assert refused("broken.py:build") == f"model 'broken.py:build': {broken}, line 3: ValueError: not today"
    broken.write_text("def build(:\n")
    assert f"{broken}, line 1: SyntaxError: " in refused("broken.py:build")
    broken.write_text("import absent_package\n")
    assert f"{broken}, line 1: ModuleNotFoundError: No module named 'absent_package'" in refused("broken:build")
    broken.write_text("import sys\nsys.exit('usage')\n")
    assert f"{broken}, line 2: SystemExit: usage" in refused("broken.py:build")
    broken.write_text("from torch import nn\n\ndef build(classes):\n    return nn.Linear('3', classes)\n")
    assert f"{broken}, line 4: TypeError: " in refused("broken.py:build", 3)
    broken.write_text("def build(a, b):\n    pass\n")
    del sys.modules[f"eenet_model_code:{broken}"]
    assert "model 'broken.py:build': TypeError: build() missing 1 required" in refused("broken.py:build", 3)


def test_errors_in_a_segment_say_where(here: Path, cifar10: ImageSet, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "net.py").write_text(NET.replace("part(16, 32)", "part(17, 32)"))
    checkpoint = Checkpoint("net.py:Small", create_model("net.py:Small", 10), cifar10.class_names, _preprocessing())
    (here / "run").mkdir()
    checkpoint.save(here / "run" / "weights.safetensors")
    cifar10[:40].save(here / "run" / "samples.npz")
    from eenet.tasks.classification import ClassPredictions

    logits = torch.randn(200, 2, 10, generator=torch.Generator().manual_seed(0)).numpy()
    labels = cifar10.labels[:200]
    ClassPredictions(logits, labels, cifar10.index[:200], cifar10.class_names).save(here / "run" / "validation.npz")
    assert eenet_export.cli.main(["--model", "net.py:Small", "--checkpoint", "run/weights.safetensors"]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("eenet-export: error: model 'net.py:Small': RuntimeError: Given groups=1, weight of size")


def test_names_of_installed_packages(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(name: str, *points: str) -> None:
        info = here / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text("\n".join(["[eenet.models]", *points]))

    monkeypatch.syspath_prepend(str(here))
    (here / "nets_of_package.py").write_text(
        f"{NET}\nfrom eenet.models import register\n\n"
        "@register('registered_small', num_classes=8)\ndef registered(num_classes):\n    return Small(num_classes)\n"
    )
    install("one", "small = nets_of_package:Small", "registered_small = nets_of_package:registered", "twice = a:b")
    install("two", "twice = c:d", "gone = absent_package:build")
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    assert {"small", "registered_small", "densenet121"} <= set(list_models())
    assert "nets_of_package" not in sys.modules, "names alone import nothing"
    assert create_model("small", 3).name == "small"
    assert create_model("registered_small").num_classes == 8
    assert "2 packages name it: " in refused("twice")
    assert "there is no module 'absent_package'" in refused("gone")


def test_a_checkpoint_never_decides_what_is_run(here: Path) -> None:
    checkpoint = Checkpoint("net.py:Small", create_model("net.py:Small", 3), ("a", "b", "c"), _preprocessing())
    checkpoint.save(here / "w.safetensors")
    (here / "marker.py").write_text("open('ran', 'w')\ndef Small(num_classes): pass\n")
    Checkpoint("marker.py:Small", checkpoint.network, *("abc", _preprocessing())).save(here / "evil.safetensors")
    for path, code in (("w", None), ("evil", None), ("evil", "net.py:Small"), ("w", "resnet56")):
        with pytest.raises(UserError, match="is code and runs only where you name it"):
            load_checkpoint(here / f"{path}.safetensors", code=code)
    assert not (here / "ran").exists()
    again = load_checkpoint(here / "w.safetensors", code=str(here / "net.py:Small"))
    assert again.id == checkpoint.id


def _preprocessing() -> ImagePreprocessing:
    return ImagePreprocessing((32, 32), (0.5,) * 3, (0.25,) * 3)


class Blackboard(MultiExitNetwork):
    """Segments that are told to it, without anything in them."""

    def run_segment(self, k: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tensors

    def run_core(self, k: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tensors

    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        return ()

    def trunk_modules(self) -> tuple[nn.Module, ...]:
        return ()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ((("y",), ("b",), "b"), "segment 1 reads 'y', expected an input or an output of an earlier segment"),
        ((("a",), ("a",), "a"), "segment 1 writes 'a' a second time, expected a new name"),
        ((("a",), ("x",), "x"), "segment 1 writes 'x' a second time"),
        ((("a",), ("b",), "c"), "segment 1: its exit 'c' is none of its outputs b"),
    ],
)
def test_segments_that_do_not_fit_together(second: tuple, message: str) -> None:
    specs = [SegmentSpec(("x",), ("a",), "a"), SegmentSpec(*second)]
    with pytest.raises(UserError, match=message):
        Blackboard(2, specs, {"x": (3,)})
    with pytest.raises(UserError, match="got 0 segments and 1 inputs"):
        Blackboard(2, [], {"x": (3,)})


def test_the_page_on_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = (block for block in blocks("networks.md", "python") if "BoostedNetwork" in block)
    (tmp_path / "prices.py").write_text(code)
    network = create_model("prices.py:build", 2, num_inputs=5)
    assert (network.task, network.options) == ("regression", {"num_inputs": 5})
    outputs = network.run_outputs((torch.zeros(3, 5),), early_exits=True)
    assert [[tuple(tensor.shape) for tensor in exit_] for exit_ in outputs] == [[(3, 2), (3, 8)], [(3, 2), (3, 16)]]
