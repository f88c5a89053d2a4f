"""What several files of the project say must be the same, and pages must lead where they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def check(tool: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), str(folder)], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


def repository(folder: Path, **pages: str) -> Path:
    """A git repository of pages, without a commit."""
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    return folder


def test_pages_lead_where_they_say() -> None:
    assert check("check_docs.py", ROOT) == (0, "")


def test_pages_of_the_docs_are_led_to() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    texts = {page: page.read_text("utf-8") for page in pages}
    for page in pages[1:]:
        assert any(f"{page.name})" in text or f"{page.name}#" in text for other, text in texts.items() if other != page)


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("See [this](other.md#two-words) and [that](#here).\n\n# Here\n", None),
        ("[this](absent.md)", "page.md: link to absent.md: no such file"),
        ("[over two\nlines](absent.md)", "page.md: link to absent.md: no such file"),
        ("[this][a]\n\n[a]: absent.md", "page.md: link to absent.md: no such file"),
        ("[this](other.md#three)", "page.md: link to other.md#three: no such heading"),
        ("[this](#there)", "page.md: link to #there: no such heading"),
        ("`[code](absent.md)`\n\n```\n[more](absent.md)\n```\n", None),
        ("x" * 101, "page.md:1: 101 columns, expected at most 100"),
        ("|" + "x" * 200 + "|", None),
    ],
)
def test_pages_that_do_not(tmp_path: Path, page: str, problem: str | None) -> None:
    folder = repository(tmp_path, page=page, other="# Two words\n\n```\n# Three\n```\n")
    assert check("check_docs.py", folder) == ((0, "") if problem is None else (1, problem + "\n"))


def test_one_version() -> None:
    version = re.search(r'^version = "(.*)"$', read("pyproject.toml"), re.MULTILINE)
    assert version is not None
    assert re.search(r"^version: (.*)$", read("CITATION.cff"), re.MULTILINE)[1] == version[1]


def test_hooks_run_the_versions_of_the_constraints() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", read("requirements/constraints.txt"), re.MULTILINE))
    hooks = re.findall(r"\[([\w-]+)==([^\]]+)\]", read(".pre-commit-config.yaml"))
    assert {name for name, _ in hooks} == {"ruff", "clang-format", "gersemi", "check-jsonschema"}
    assert {name: pinned[name] for name, _ in hooks} == dict(hooks)


def test_lower_floors_know_nothing_of_higher_ones(tmp_path: Path) -> None:
    assert check("check_layers.py", ROOT) == (0, "")
    files = {
        "src/util/text.h": "run/runner.h", "src/run/runner.h": "util/text.h", "src/run/x.cpp": "runner.h",
        "src/lost.cpp": "util/text.h", "include/eenet/runtime.h": "run/runner.h",
        "include/eenet/result.h": "eenet/runtime.h",
    }  # fmt: skip
    for name, included in files.items():
        path = tmp_path / "cpp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#pragma once\n\n#include "{included}"\n')
    status, wrong = check("check_layers.py", tmp_path)
    assert status == 1
    assert [line.partition(":")[0] for line in wrong.splitlines()] == [
        "cpp/src/lost.cpp", "cpp/src/run/x.cpp", "cpp/src/util/text.h", "cpp/include/eenet/runtime.h",
    ]  # fmt: skip
