"""Slices of bundles: cut by the runtime or by ``eenet-export``, and what reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.bundles.bundle import Bundle
from eenet.cli.bench import main as bench
from eenet.errors import UserError
from support import schedule_command
from support.bundles import contents, edit_manifest


@pytest.fixture(scope="module")
def head(tiny: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slices") / "head.eenet"
    eenet_rt.slice_bundle(tiny.path, 0, 2, path)
    return path


def test_files_are_those_of_the_bundle(tiny: TrainedBundle, head: Path) -> None:
    whole, part = contents(tiny.path), contents(head)
    assert sorted(part) == ["manifest.json", "scheduler.safetensors", "segment_0.onnx", "segment_1.onnx"]
    for name in set(part) - {"manifest.json"}:
        assert part[name] == whole[name]
    before, after = (json.loads(each["manifest.json"]) for each in (whole, part))
    assert list(after) == [*before, "slice"], "keys stay in their order"
    for key in ("model", "class_names", "preprocessing", "symbols", "parameters", "profiles", "versions"):
        assert after[key] == before[key]


def test_tools_read_a_slice(tiny: TrainedBundle, head: Path) -> None:
    whole, part = Bundle.open(tiny.path), Bundle.open(head)
    whole.require_whole()
    with pytest.raises(UserError, match=r"head\.eenet is a slice, expected the bundle of the whole network"):
        part.require_whole()
    assert (part.network, part.num_exits) == (whole.id, 3)
    assert part.id != whole.id


def test_refit_refuses_a_slice(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(head)
    status, _, error = schedule_command.run(capsys, "refit", head, "--budget-ms", 1)
    assert (status, error.count("\n")) == (2, 1)
    assert "is a slice, expected the bundle of the whole network" in error
    assert contents(head) == before


def test_bench_refuses_a_slice(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench([str(head)]) == 2
    assert "is a slice, expected the bundle of the whole network" in capsys.readouterr().err


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (1, 1), (2, 1), (0, 4), (3, 4), (0, 3), (-1, 2), (0, -1)])
def test_no_exits(tiny: TrainedBundle, tmp_path: Path, begin: int, end: int) -> None:
    with pytest.raises(eenet_rt.InputError) as caught:
        eenet_rt.slice_bundle(tiny.path, begin, end, tmp_path / "no.eenet")
    assert f"{begin}:{end} came" in str(caught.value) or "0 or more expected" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_name_is_taken(tiny: TrainedBundle, head: Path) -> None:
    before = contents(head)
    with pytest.raises(eenet_rt.InputError, match=r"head\.eenet' is there, a new name expected"):
        eenet_rt.slice_bundle(tiny.path, 1, 3, head)
    assert contents(head) == before


def test_a_bundle_is_no_place_for_another(tiny: TrainedBundle, tmp_path: Path) -> None:
    shutil.copytree(tiny.path, tmp_path / "own.eenet")
    (tmp_path / "link").symlink_to(tmp_path / "own.eenet")
    (tmp_path / "manifest.json").write_text("{}")  # of something else
    for inside in (tmp_path / "own.eenet" / "slice", tmp_path / "link" / "slice"):
        with pytest.raises(eenet_rt.InputError, match=r"slice' lies inside the bundle .*own\.eenet', a path outside"):
            eenet_rt.slice_bundle(tiny.path, 0, 1, inside)
    assert contents(tmp_path / "own.eenet") == contents(tiny.path)
    eenet_rt.slice_bundle(tiny.path, 0, 1, tmp_path / "slice")


def test_no_folder_to_write_in(tiny: TrainedBundle, tmp_path: Path) -> None:
    with pytest.raises(eenet_rt.BundleError, match=r"absent/no\.eenet': cannot be written: No such file"):
        eenet_rt.slice_bundle(tiny.path, 0, 1, tmp_path / "absent" / "no.eenet")


def test_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(eenet_rt.BundleError, match="absent"):
        eenet_rt.slice_bundle(tmp_path / "absent.eenet", 0, 1, tmp_path / "no.eenet")


def test_runtime_that_knows_no_slices_refuses_one(head: Path, tmp_path: Path) -> None:
    """It ignores the key: what is left contradicts itself, even without schedules."""
    copy = Path(shutil.copytree(head, tmp_path / "copy.eenet"))
    edit_manifest(copy, lambda manifest: manifest.update(slice_=manifest.pop("slice"), parent=None))
    with pytest.raises(eenet_rt.BundleError, match=r"parameters: 3 elements came, 2 expected"):
        eenet_rt.load(copy)
