"""What commands write never takes the place of what they read, nor lands in a bundle; two writers do not meet."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eenet.cli.predict
import eenet.cli.report
import eenet.cli.schedule
import eenet.cli.train
import eenet.files
import eenet_export.cli
import eenet_rt
from conftest import TrainedBundle
from eenet.errors import UserError
from eenet.files import make_folder, require_regular
from eenet.locks import all_undisturbed, sole_writer, undisturbed
from eenet.outputs import check_replaceable
from eenet.preprocessing import ImagePreprocessing
from eenet.workflows.profile import ProfileOptions
from eenet.workflows.refit import RefitOptions, refit_bundle
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions
from support import golden
from support.bundles import contents, edit_manifest
from support.photos import pattern, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle, images in a folder and in a file, predictions and a checkpoint, whatever is in them."""
    shutil.copytree(golden.GOLDEN, tmp_path / "b.eenet")
    steps = ImagePreprocessing((2, 2), (0.0,) * 3, (1.0,) * 3, resize=True).to_json()
    edit_manifest(tmp_path / "b.eenet", lambda manifest: manifest.update(preprocessing=steps))
    pattern(40, 3).save(tmp_path / "images.npz")
    write_folder(pattern(40, 3), tmp_path / "photos")
    random = np.random.default_rng(0)
    np.savez(tmp_path / "p.npz", logits=random.normal(size=(200, 2, 3)), labels=random.integers(0, 3, 200))
    (tmp_path / "run").mkdir()
    for name in ("weights.safetensors", "samples.npz", "validation.npz"):
        (tmp_path / "run" / name).write_bytes(name.encode())
    os.link(tmp_path / "p.npz", tmp_path / "same.npz")
    for name in ("link.npz", "link.html"):
        (tmp_path / name).symlink_to("p.npz")
    return tmp_path


FIT = ("schedule", "fit", "--predictions", "p.npz", "--costs", "1,2", "--budget", "1.5", "--out")
COMPARE = ("schedule", "compare", "--val", "p.npz", "--report", "images.npz", "--costs", "1,2", "--out")
REPORT = ("report", "b.eenet", "--predictions", "p.npz", "--out")
TRAIN = ("train", "--model", "tiny", "--epochs", "1", "--threads", "1", "--data")
READS = "would be overwritten, but it is what {} reads; give another name"
INSIDE = "lies inside the bundle"
CASES = [
    (("predict", "b.eenet", "--data", "images.npz", "--out", "images.npz"), READS.format("--data")),
    (("predict", "b.eenet", "--data", "images.npz", "--out", "b.eenet/out.npz"), INSIDE),
    (("predict", "b.eenet", "--data", "images.npz", "--out", "b.eenet/new/out.npz"), INSIDE),
    ((*FIT, "p.npz"), READS.format("--predictions")),
    ((*FIT, "same.npz"), READS.format("--predictions")),
    ((*FIT, "link.npz"), READS.format("--predictions")),
    ((*FIT, "b.eenet/scheduler.safetensors"), INSIDE),
    ((*COMPARE, "b.eenet"), INSIDE),
    ((*REPORT, "link.html"), READS.format("--predictions")),
    ((*REPORT, "b.eenet/report.html"), INSIDE),
    (("report", "b.eenet", "--data", "photos", "--out", "photos/report.html"), "lies inside photos, which --data"),
    ((*TRAIN, "photos", "--out", "photos"), READS.format("--data")),
    ((*TRAIN, "photos", "--out", "photos/run"), "lies inside photos, which --data reads"),
    ((*TRAIN, "run/samples.npz", "--out", "run"), READS.format("--data")),
    ((*TRAIN, "photos", "--start", "run/weights.safetensors", "--out", "run"), READS.format("--start")),
    ((*TRAIN, "photos", "--out", "b.eenet"), INSIDE),
    (
        ("export", "--model", "tiny", "--checkpoint", "run/weights.safetensors", "--out", "b.eenet/sub"),
        INSIDE,
    ),
    (("schedule", "refit", "b.eenet", "--budget", "50%", "--costs", "1,2", "--out", "b.eenet/other"), INSIDE),
]  # fmt: skip
MAIN: dict[str, Callable[[list[str]], int]] = {
    "predict": eenet.cli.predict.main,
    "schedule": eenet.cli.schedule.main,
    "report": eenet.cli.report.main,
    "train": eenet.cli.train.main,
    "export": eenet_export.cli.main,
}


@pytest.mark.parametrize(("arguments", "message"), CASES)
def test_inputs_and_bundles_are_spared(
    arguments: tuple[str, ...], message: str, folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    before = {path: contents(path) for path in (folder / "b.eenet", folder / "run")}
    files = {path: path.read_bytes() for path in folder.glob("*.npz")}
    assert MAIN[arguments[0]](list(arguments[1:])) == 2
    streams = capsys.readouterr()
    assert message in streams.err
    assert streams.err.count("\n") == 1
    assert streams.out == ""
    assert {path: contents(path) for path in before} == before
    assert {path: path.read_bytes() for path in files} == files
    assert not list(folder.glob("**/.*"))


def test_what_is_beside_an_input_is_written(folder: Path) -> None:
    inputs = {"--data": folder / "photos", "--start": None}
    check_replaceable(folder / "out.npz", folder=False, inputs=inputs)
    check_replaceable(folder / "photos" / "out.npz", folder=False, inputs=inputs)
    check_replaceable(folder / "b.eenet", folder=True, inputs=inputs)


def test_a_manifest_of_something_else_makes_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "of a page", "icons": []}')
    check_replaceable(tmp_path / "out.npz", folder=False)


@pytest.mark.parametrize("arguments", [(*FIT, "p.npz/x/s.safetensors"), (*COMPARE, "p.npz"), (*REPORT, "p.npz/r.html"),
                                       (*TRAIN, "photos", "--out", "images.npz")])  # fmt: skip
def test_a_file_where_a_folder_is_needed(
    arguments: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert MAIN[arguments[0]](list(arguments[1:])) == 2
    error = capsys.readouterr().err
    assert "npz is not a folder, expected one or a new name" in error
    assert error.count("\n") == 1


def test_make_folder_names_the_file_that_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "a" / "b"):
        with pytest.raises(UserError, match="file is not a folder"):
            make_folder(path)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")


def test_pipes_and_devices_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, came in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(UserError, match=f"{path}: {came}.* came, a regular file expected"):
            require_regular(path)
    with pytest.raises(FileNotFoundError):
        require_regular(tmp_path / "absent")


WAITS = [
    (*TRAIN, "pipe.npz", "--out", "new"),
    (*TRAIN, "photos", "--start", "pipe.pt", "--out", "new"),
    (*TRAIN, "photos", "--teacher", "pipe.safetensors", "--out", "new"),
    ("predict", "b.eenet", "--data", "pipe.npz", "--out", "new.npz"),
    (*FIT[:3], "pipe.npz", *FIT[4:], "new"),
    ("schedule", "evaluate", "--predictions", "p.npz", "--schedule", "pipe.safetensors"),
    ("report", "pipe.eenet", "--predictions", "p.npz", "--out", "new.html"),
]


@pytest.mark.parametrize("arguments", WAITS)
def test_nobody_waits_for_a_pipe(
    arguments: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for suffix in ("npz", "pt", "safetensors", "eenet"):
        os.mkfifo(f"pipe.{suffix}")
    assert MAIN[arguments[0]](list(arguments[1:])) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "pipe" in error
    assert "expected" in error or "not a regular file" in error or "is not a bundle" in error


def test_two_trainings_in_one_folder(folder: Path) -> None:
    (folder / "new").mkdir()
    command = [sys.executable, "-m", "eenet.cli.train", "--model", "tiny", "--data", "photos", "--out", "new"]
    with sole_writer(folder / "new"):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "eenet-train: error: new: another process is writing into it; wait for its end, or give another folder"
    )
    assert not any((folder / "new").iterdir())
    new = folder / "new"
    with sole_writer(new), pytest.raises(UserError, match="another process"), sole_writer(new):
        pass
    with sole_writer(folder / "new"):  # the lock is gone with whoever had it
        pass


def test_those_who_replace_a_folder_wait_for_each_other(tmp_path: Path) -> None:
    target, said, order = tmp_path / "b", [], []
    target.mkdir()

    def second() -> None:
        with undisturbed(target, replaced=True, say=said.append):
            order.append((target / "version").read_text())
            try:
                with sole_writer(target):
                    order.append("not locked")
            except UserError:
                order.append("locked")

    with undisturbed(target, replaced=True, say=said.append):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            thread.join(0.01)
        target.rename(tmp_path / "old")  # as a replacement does
        target.mkdir()
        (target / "version").write_text("new")
    thread.join()
    assert order == ["new", "locked"]  # the folder that is there now
    assert said == [f"{target}: another process is at work on it; waiting for its end"]


def test_readers_of_a_folder_do_not_wait_for_each_other(tmp_path: Path) -> None:
    said: list[str] = []
    with undisturbed(tmp_path, replaced=False, say=said.append), undisturbed(tmp_path, replaced=False, say=said.append):
        assert said == []


def test_a_refit_waits_for_another(spare: Path) -> None:
    said: list[str] = []
    options = RefitOptions(budgets=("70%",), costs=(1.0, 2.0, 4.0))
    before = contents(spare)
    thread = threading.Thread(target=refit_bundle, args=(spare, None, options, said.append))
    with undisturbed(spare, replaced=True, say=said.append):
        thread.start()
        while not said:
            thread.join(0.01)
        assert said == [f"{spare}: another process is at work on it; waiting for its end"]
        assert contents(spare) == before
    thread.join()
    assert [s.costs for s in eenet_rt.read_schedules(spare / "scheduler.safetensors").schedules] == [[1, 2, 4]]


@pytest.mark.parametrize("out", [None, "other.eenet", "new.eenet"])
def test_a_refit_undoes_no_export_that_came_meanwhile(
    out: str | None, spare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(spare, tmp_path / "other.eenet")
    target = spare if out is None else tmp_path / out

    def replaced_meanwhile(path: Path) -> None:
        apply_umask(path)
        if path.name == target.name:
            if target.exists():
                target.rename(tmp_path / "old")
            target.mkdir()
            (target / "manifest.json").write_text("new")

    apply_umask = eenet.files._apply_umask
    monkeypatch.setattr(eenet.files, "_apply_umask", replaced_meanwhile)  # while the new one goes to the disk
    with pytest.raises(UserError, match=f"{target} was replaced by another process meanwhile and is left as it is"):
        refit_bundle(spare, out and target, RefitOptions(budgets=("70%",), costs=(1.0, 2.0, 4.0)), print)
    assert contents(target) == {"manifest.json": b"new"}


def test_a_refit_waits_for_what_replaces_its_output(spare: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(spare, tmp_path / "other.eenet"))
    said: list[str] = []
    options = RefitOptions(budgets=("70%",), costs=(1.0, 2.0, 4.0))
    thread = threading.Thread(target=refit_bundle, args=(spare, other, options, said.append))
    with undisturbed(other, replaced=True, say=said.append):
        thread.start()
        while not said:
            thread.join(0.01)
        assert said == [f"{other}: another process is at work on it; waiting for its end"]
    thread.join()
    assert [s.costs for s in eenet_rt.read_schedules(other / "scheduler.safetensors").schedules] == [[1, 2, 4]]


def test_one_folder_by_two_names_is_no_reason_to_wait(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    both = dict.fromkeys((tmp_path / "a", tmp_path / "b"), True)
    with pytest.raises(UserError, match="are the same folder"), all_undisturbed(both, say=print):
        pass


@pytest.mark.parametrize("name", ["tiny.eenet", "tiny_0-2.eenet"])
def test_what_is_exported_waits_for_a_refit(tiny: TrainedBundle, tmp_path: Path, name: str) -> None:
    said: list[str] = []
    options = ExportOptions(budgets=("70%",), policy="maximum", profile=ProfileOptions(repeats=20), slices=((0, 2),))
    out = tmp_path / "tiny.eenet"
    (tmp_path / name).mkdir()
    export = (tiny.checkpoint, tiny.validation, tiny.report_images.images[:40], out, options, said.append)
    thread = threading.Thread(target=export_bundle, args=export)
    with undisturbed(tmp_path / name, replaced=True, say=print):
        thread.start()
        while thread.is_alive() and not any("waiting" in line for line in said):
            thread.join(0.01)
        assert not list((tmp_path / name).iterdir())
    thread.join()
    assert said[-1] == f"{tmp_path / name}: another process is at work on it; waiting for its end"
    assert (tmp_path / name / "manifest.json").exists()


def test_file_systems_without_locks_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with undisturbed(tmp_path, replaced=True, say=print) as unchanged:
        assert unchanged()
    assert f"{tmp_path}: its file system has no locks" in caplog.text
