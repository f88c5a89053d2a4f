"""What ``tools/mutate.py`` changes: every change is one that the file allows, and is where it should be."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("mutate")


def changes(tool: ModuleType, name: str, source: str) -> set[str]:
    """Every mutant as the line that it changes."""
    before = source.splitlines()
    found = set()
    for mutant in tool.find_mutants(name, source.encode()):
        after = mutant.apply(source.encode()).decode().splitlines()
        found |= {new for new, old in zip(after, before, strict=False) if new != old}
    return found


def test_python(tool: ModuleType) -> None:
    source = (
        "def f(a: int = 3, *, b: bool = True) -> 'list[int]':\n"
        "    '''One < two and 3.'''\n"
        "    if a < 2 and not b:\n"
        "        raise ValueError(f'{a + 1}')\n"
        "    print(a, b)\n"
        "    return a is not None\n"
    )
    assert changes(tool, "x.py", source) == {
        "def f(a: int = (3 + 1), *, b: bool = True) -> 'list[int]':",
        "def f(a: int = (3 - 1), *, b: bool = True) -> 'list[int]':",
        "def f(a: int = 3, *, b: bool = False) -> 'list[int]':",
        "    if a <= 2 and not b:",
        "    if a < (2 + 1) and not b:",
        "    if a < (2 - 1) and not b:",
        "    if a < 2 or not b:",
        "    if a < 2 and b:",
        "    if (not (a < 2 and not b)):",
        "        pass",
        "    pass",
        "    print(b, a)",
        "    return a is None",
    }


def test_cpp(tool: ModuleType) -> None:
    source = (
        '#include "x.h"  // 1 < 2\n'
        "template <int N = 1>\n"
        "bool f(std::vector<int>& a, int b) {\n"
        '  if (a.size() >= 2 && !b) throw Error("1 == 2");\n'
        "  clear(a, b);\n"
        "  return 1'0 == b;\n"
        "}\n"
    )
    assert changes(tool, "x.cpp", source) == {
        '  if (a.size() > 2 && !b) throw Error("1 == 2");',
        '  if (a.size() >= 3 && !b) throw Error("1 == 2");',
        '  if (a.size() >= 1 && !b) throw Error("1 == 2");',
        '  if (a.size() >= 2 || !b) throw Error("1 == 2");',
        '  if (a.size() >= 2 && b) throw Error("1 == 2");',
        '  if (!(a.size() >= 2 && !b)) throw Error("1 == 2");',
        "  ;",
        "  clear(b, a);",
        "  return 1'0 != b;",
        "  return 11 == b;",
        "  return 9 == b;",
    }


def test_every_mutant_of_the_sources_is_one(tool: ModuleType) -> None:
    sources = tool.read_sources(["python/eenet/policies", "cpp/src/util"])
    mutants = [mutant for path, source in sources.items() for mutant in tool.find_mutants(path, source)]
    assert len(mutants) > 1000
    for mutant in mutants:
        source = sources[mutant.path]
        assert mutant.apply(source) != source
        if mutant.path.endswith(".py"):
            ast.parse(mutant.apply(source))


def test_tests_of_all_sources_are_there(tool: ModuleType) -> None:
    for path in tool.read_sources(list(tool.SOURCES)):
        names = tool.files_of(path)
        assert names
        missing = [name for name in names if not (ROOT / "tests" / "python" / f"{name}.py").is_file()]
        assert not missing
