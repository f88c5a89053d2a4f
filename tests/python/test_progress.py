"""Progress: lines that say what is left, a bar on a terminal, nothing where there is nowhere to say it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time

import pytest

from eenet.progress import Progress, duration

SCRIPT = """
import time
from eenet.progress import Progress
with Progress("read", 4, "images") as progress:
    for _ in range(4):
        time.sleep(0.6)
        progress.advance(note="loss 1.5")
print("done")
"""


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("train", 10, "steps", done=4) as progress:
        progress.advance()
        time.sleep(1.05)
        progress.advance(note="loss 1.5")
        assert progress.left() == pytest.approx(2.1, rel=0.5)
        progress.advance()
        progress.advance(3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("train: 6 of 10 steps, loss 1.5, about ")


def test_no_time_left_by_steps_that_differ(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eenet.progress._FIRST_S", 0.0)
    monkeypatch.setattr("eenet.progress._LONGEST_S", 0.0)
    with Progress("compare", 6, "fits", done=1, even_after=2) as progress:
        for _ in range(3):
            progress.advance()
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "compare: 2 of 6 fits"
    assert all("about 0 s left" in line for line in rest)
    assert len(rest) == 2


@pytest.mark.parametrize(("rows", "columns", "bar"), [(40, 100, True), (0, 0, False)])
def test_a_bar_on_a_terminal(rows: int, columns: int, bar: bool) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=follower, text=True)
    out, _ = process.communicate(timeout=60)
    shown = os.read(leader, 100_000).decode()
    os.close(follower)
    os.close(leader)
    assert out == "done\n"
    assert "loss 1.5" in shown
    assert ("50%|" in shown, "read: 2 of 4 images" in shown, "\n" in shown) == (bar, not bar, not bar)


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
def test_no_stream_is_no_error(redirect: str) -> None:
    done = subprocess.run(
        f"exec '{sys.executable}' -c '{SCRIPT}' {redirect}", shell=True, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 59.4, 200, 7500)] == ["0 s", "59 s", "3 min 20 s", "2 h 5 min"]
