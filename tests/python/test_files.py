"""What commands write is whole or not there: over what is there, beside readers, and killed at any moment."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eenet_rt
from eenet.bundles.bundle import Bundle, listed_files
from eenet.cli.predict import main as predict
from eenet.errors import UserError
from eenet.files import replacing, replacing_folder
from eenet.report.page import check_output
from support import golden, schedule_command
from support.bundles import contents

TESTS = Path(__file__).parents[1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, text: str = "new") -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


def write_folder(path: Path, **files: str) -> None:
    with replacing_folder(path, ours=lambda name: name.endswith("_ours")) as temporary:
        temporary.mkdir()
        for name, text in files.items():
            (temporary / name).write_text(text)


# --- whole or not at all ---


def test_the_old_file_stays_when_the_block_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def write_half() -> None:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert contents(tmp_path) == {"file": b"old"}
    write(tmp_path / "file")
    assert contents(tmp_path) == {"file": b"new"}


def test_a_folder_is_replaced_and_what_others_put_there_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "folder", a_ours="1", b_ours="2")
    assert names(tmp_path / "folder") == ["a_ours", "b_ours"]
    theirs = tmp_path / "folder" / "theirs"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    (tmp_path / "folder" / "link").symlink_to("nowhere")
    (tmp_path / "folder" / "both").write_text("old")
    write_folder(tmp_path / "folder", c_ours="3", both="new")
    assert names(tmp_path / "folder") == ["both", "c_ours", "link", "theirs"]
    assert (tmp_path / "folder" / "both").read_text() == "new"
    assert (theirs / "notes.txt").read_text() == "mine"
    assert os.readlink(tmp_path / "folder" / "link") == "nowhere"
    assert names(tmp_path) == ["folder"]


def test_modes_are_those_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with replacing(tmp_path / "file") as temporary:
            temporary.touch(0o600)
        write_folder(tmp_path / "folder", a_ours="1")
    finally:
        os.umask(old)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder", "folder/a_ours")] == [
        0o640, 0o750, 0o640,
    ]  # fmt: skip


def test_names_may_be_as_long_as_the_file_system_takes_them(tmp_path: Path) -> None:
    name = "n" * 255
    write(tmp_path / name)
    assert names(tmp_path) == [name]
    bundle = tmp_path / ("b" * 249 + ".eenet")
    bundle.parent.joinpath(name).unlink()
    eenet_rt.slice_bundle(golden.GOLDEN, 0, 1, bundle)
    write_folder(bundle, c_ours="1")
    assert names(tmp_path) == [bundle.name]
    with pytest.raises(eenet_rt.InputError, match="cannot be written: File name too long"):
        write(tmp_path / (name + "n"))


# --- what is in the way ---


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old")
    (tmp_path / "link").symlink_to("there/file")
    (tmp_path / "second").symlink_to(tmp_path / "link")
    (tmp_path / "dangling").symlink_to("there/later")
    (tmp_path / "folder").symlink_to("there")
    write(tmp_path / "second")
    write(tmp_path / "dangling")
    write_folder(tmp_path / "folder", a_ours="1")
    assert contents(tmp_path / "there") == {"file": b"new", "later": b"new", "a_ours": b"1"}
    assert all((tmp_path / name).is_symlink() for name in ("link", "second", "dangling", "folder"))
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(eenet_rt.InputError, match="cannot be written: Too many levels"):
        write(tmp_path / "round")


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError as error:
        pytest.skip(f"no device can be made here: {error}")


def make_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)  # Binding one takes short paths only.


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a device": make_device, "a pipe": os.mkfifo, "a socket": make_socket, "a folder": os.mkdir,
}  # fmt: skip


@pytest.mark.parametrize("kind", SPECIAL)
def test_nothing_takes_the_place_of_what_is_no_file(kind: str, tmp_path: Path) -> None:
    SPECIAL[kind](tmp_path / "out")
    before = os.lstat(tmp_path / "out")
    (tmp_path / "link").symlink_to("out")
    for name in ("out", "link"):
        with pytest.raises(eenet_rt.InputError, match=f"^file .*: is {kind}, a file expected$"):
            write(tmp_path / name)
    if kind != "a folder":
        with pytest.raises(eenet_rt.InputError, match=f"is {kind}, a folder expected"):
            write_folder(tmp_path / "out")
    assert os.path.samestat(before, os.lstat(tmp_path / "out"))
    assert names(tmp_path) == ["link", "out"]


def test_a_file_is_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    with pytest.raises(eenet_rt.InputError, match="is a file, a folder expected"):
        write_folder(tmp_path / "out")
    assert contents(tmp_path) == {"out": b"precious"}


def predictions(path: Path, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, 200)
    logits = random.normal(size=(200, 2, 4)).astype(np.float32)
    logits[np.arange(200), :, labels] += 2
    np.savez(path, logits=logits, labels=labels)
    return path


@pytest.mark.parametrize("kind", ["a pipe", "a folder"])
def test_commands_say_so_in_one_line(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = predictions(tmp_path / "v.npz")
    (tmp_path / "compared").mkdir()
    for out in (tmp_path / "out", tmp_path / "compared" / "comparison.csv"):
        SPECIAL[kind](out)
    fit = ("fit", "--predictions", data, "--budget", 1.5, "--policy", "maximum", "--out", tmp_path / "out")
    compare = (
        "compare", "--val", data, "--report", predictions(tmp_path / "r.npz", seed=1), "--policies", "maximum",
        "--repeats", 1, "--out", tmp_path / "compared",
    )  # fmt: skip
    for command in (fit, compare):
        status, _, error = schedule_command.run(capsys, *command, "--costs", "1,2")
        assert (status, error.count("\n")) == (2, 1), error
        assert f"is {kind}, a file expected" in error
    assert names(tmp_path / "compared") == ["comparison.csv"]


def test_long_work_says_so_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "out.npz")
    assert (
        predict([str(golden.GOLDEN), "--data", str(tmp_path / "nothing yet"), "--out", str(tmp_path / "out.npz")]) == 2
    )
    assert "is a pipe, a file expected" in capsys.readouterr().err
    with pytest.raises(eenet_rt.InputError, match="is a pipe, a file expected"):
        check_output(tmp_path / "out.npz", {})


def test_standard_output_that_is_a_pipe(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "eenet.cli.schedule", "fit", "--predictions", predictions(tmp_path / "v.npz"),
        "--costs", "1,2", "--budget", "1.5", "--policy", "maximum", "--out", "/dev/stdout",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr == "eenet-schedule: error: file '/dev/stdout': is a pipe, a file expected\n"


def test_mount_points_are_said_before_the_work(tmp_path: Path) -> None:
    """A bind mount, as ``docker -v`` makes them, in a mount namespace of its own."""
    bundle = Path(shutil.copytree(golden.GOLDEN, tmp_path / "mounted here.eenet"))
    script = 'mount --bind "$1" "$1" && exec "$0" -m eenet.cli.schedule refit "$1" --budget-ms 1.5 --measure'
    options = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *options, "bash", "-c"]
    try:
        possible = subprocess.run([*command, 'mount --bind "$0" "$0"', bundle], capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    if possible.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {possible.stderr.strip()}")
    before = contents(bundle)
    done = subprocess.run([*command, script, sys.executable, bundle], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert ": is a mount point, which nothing can take the place of" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "measure" not in done.stdout
    assert contents(bundle) == before


# --- killed ---


def support(what: str, folder: Path, *arguments: object) -> Any:
    """What ``tests/support/replacements.py`` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "support.replacements", what, folder, golden.GOLDEN, *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    if "not here" in answer:
        pytest.skip(f"no child can be killed at its system calls here: {answer['not here']}")
    return answer


@pytest.mark.parametrize("what", ["bundle", "file", "slice"])
def test_killed_at_every_system_call(what: str, tmp_path: Path) -> None:
    answer = support(what, tmp_path)
    assert answer.pop("tried") > 40
    assert answer == {"torn": 0, "unmended": 0, "left": 0}


def test_killed_where_folders_cannot_be_exchanged(tmp_path: Path) -> None:
    torn = 0
    for _ in range(3):
        answer = support("bundle-without-exchange", tmp_path)
        torn = answer.pop("torn")
        assert answer.pop("tried") > 40
        assert answer == {"unmended": 0, "left": 0}
        if torn:  # else it was passed over: a run may make some calls more than the one before it
            break
    assert 1 <= torn <= 3, "between the two renames nothing is there"


def moved_aside(folder: Path) -> Path:
    """A bundle as a run killed between two renames leaves it."""
    scratch = folder / ".eenet-abcdef"
    (scratch / "old").mkdir(parents=True)
    (scratch / "lock").touch()
    shutil.copytree(golden.GOLDEN, scratch / "old" / "tiny.eenet")
    return scratch


@pytest.mark.filterwarnings("ignore::eenet_rt.ProfileWarning")
def test_whoever_comes_first_puts_the_old_bundle_back(tmp_path: Path) -> None:
    moved_aside(tmp_path)
    assert eenet_rt.load(tmp_path / "tiny.eenet").num_exits == 2
    assert names(tmp_path) == [".eenet-abcdef", "tiny.eenet"]
    shutil.rmtree(tmp_path / "tiny.eenet")
    shutil.rmtree(tmp_path / ".eenet-abcdef")
    moved_aside(tmp_path)
    (tmp_path / "link").symlink_to("tiny.eenet")
    assert Bundle.open(tmp_path / "link").num_exits == 2
    write(tmp_path / "other")
    assert names(tmp_path) == ["link", "other", "tiny.eenet"]


def test_scratch_of_those_at_work_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
        write(tmp_path / "other")
        assert temporary.read_text() == "new"
    assert names(tmp_path) == ["file", "other"]


def test_what_only_looks_like_scratch_stays(tmp_path: Path) -> None:
    (tmp_path / ".eenet-notes").write_text("a file")
    (tmp_path / ".eenet-folder").mkdir()
    (tmp_path / ".eenet-folder" / "precious").touch()
    (tmp_path / ".eenet-link").symlink_to(".eenet-folder")
    write(tmp_path / "file")
    assert names(tmp_path) == [".eenet-folder", ".eenet-link", ".eenet-notes", "file"]
    assert names(tmp_path / ".eenet-folder") == ["precious"]


def test_a_slice_whose_file_cannot_be_closed(tmp_path: Path) -> None:
    """Network file systems say only then that the disk is full."""
    script = (
        "import errno, sys, eenet_rt\n"
        "from support.syscalls import answer_of_child, refuse\n"
        "def work():\n"
        "    refuse('close', errno.ENOSPC)\n"
        "    eenet_rt.slice_bundle(sys.argv[1], 0, 1, sys.argv[2])\n"
        "    return 'written'\n"
        "print(answer_of_child(work))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, golden.GOLDEN, tmp_path / "head.eenet"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)}, timeout=60,
    )  # fmt: skip
    if "NotHereError" in done.stdout:
        pytest.skip(f"no child can be refused a system call here: {done.stdout.strip()}")
    assert "BundleError" in done.stdout, done.stdout + done.stderr
    assert f"cannot be written: {os.strerror(errno.ENOSPC)}" in done.stdout
    assert not (tmp_path / "head.eenet").exists()


# --- readers ---


@pytest.mark.filterwarnings("ignore::eenet_rt.ProfileWarning")
@pytest.mark.parametrize("what", ["write", "write-without-exchange"])
def test_readers_beside_a_writer(what: str, tmp_path: Path) -> None:
    path = Path(shutil.copytree(golden.GOLDEN, tmp_path / "tiny.eenet"))
    command = [sys.executable, "-m", "support.replacements", what, tmp_path, golden.GOLDEN, "60"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)})
    inodes = set()
    try:
        while len(inodes) < 3 and writer.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                inodes.add(path.stat().st_ino)
        for _ in range(200):
            assert eenet_rt.load(path).num_exits == 2
    finally:
        (tmp_path / "stop").touch()
        output, _ = writer.communicate(timeout=60)
    answer = json.loads(output)
    if "not here" in answer:
        pytest.skip(f"no process can be refused a system call here: {answer['not here']}")
    assert answer["replaced"] > 1


def test_tools_say_that_a_bundle_was_replaced(tmp_path: Path) -> None:
    path = Path(shutil.copytree(golden.GOLDEN, tmp_path / "tiny.eenet"))
    bundle = Bundle.open(path)
    shutil.rmtree(path)
    shutil.copytree(golden.GOLDEN, path)
    with pytest.raises(UserError, match=r"tiny\.eenet was replaced while it was read"):
        bundle.read("scheduler.safetensors")


def test_a_bundle_stays_the_one_that_was_opened(tmp_path: Path) -> None:
    path = Path(shutil.copytree(golden.GOLDEN, tmp_path / "tiny.eenet"))
    bundle = Bundle.open(path)
    path.rename(tmp_path / "elsewhere")
    shutil.copytree(golden.GOLDEN, path)
    (path / "scheduler.safetensors").write_bytes(b"")
    assert bundle.read("scheduler.safetensors") == (golden.GOLDEN / "scheduler.safetensors").read_bytes()


# --- links in bundles, as hubs and ConfigMaps make them ---


@pytest.mark.parametrize("name", ["manifest.json", "segment_0.onnx"])
def test_links_in_a_bundle_get_one_helpful_line(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copytree(golden.GOLDEN, tmp_path / "tiny.eenet"))
    (path / "..data").mkdir()
    (path / name).rename(path / "..data" / name)
    (path / name).symlink_to(Path("..data") / name)
    with pytest.raises(eenet_rt.BundleError, match=rf"{name}: a link came, .*\(cp -rL\)"):
        eenet_rt.load(path)
    with pytest.raises(UserError, match=rf"{name} is a link, .*\(cp -rL\)"):
        Bundle.open(path).read(name)
    followed = tmp_path / "copy.eenet"
    shutil.copytree(path, followed)
    eenet_rt.slice_bundle(followed, 0, 1, tmp_path / "head.eenet")
    assert "manifest.json" in listed_files(followed)
