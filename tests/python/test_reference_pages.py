"""docs/reference: the examples as they are printed, and that no public name and no class without an example is left."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support.golden import GOLDEN
from support.pages import DOCS, blocks

PAGES = sorted(path.stem for path in (DOCS / "reference").glob("*.md"))
SHOWN = re.compile(r"^::: (\S+)$", re.MULTILINE)


def text(page: str) -> str:
    return (DOCS / "reference" / f"{page}.md").read_text("utf-8")


def shown() -> list[str]:
    """Dotted names of all modules, classes and functions that the pages show."""
    return [name for page in PAGES for name in SHOWN.findall(text(page))]


def resolve(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)


def public(module: ModuleType) -> list[object]:
    """What a module shows: its ``__all__``, or what is defined in it and has no underscore."""
    if hasattr(module, "__all__"):
        return [getattr(module, name) for name in module.__all__]
    return [
        value for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]  # fmt: skip


def public_classes() -> Iterator[type]:
    for name in shown():
        found = resolve(name)
        yield from filter(inspect.isclass, public(found) if inspect.ismodule(found) else [found])


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some seconds, for one page trains and fits, and one exports, measures and draws a report."""
    shutil.copytree(GOLDEN, tmp_path / "tiny.eenet")
    monkeypatch.chdir(tmp_path)
    # Line by line as on the page; without the fences, which would be taken for output.
    inside, lines = False, []
    for line in text(page).splitlines():
        fence = line.startswith("```")
        inside = line == "```pycon" if fence else inside
        lines.append(line if inside and not fence else "")
    examples = doctest.DocTestParser().get_doctest("\n".join(lines), {"__name__": page}, page, f"{page}.md", 0)
    assert len(examples.examples) > 10
    failures: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with warnings.catch_warnings():
        runner.run(examples, out=failures.append)
    assert not failures, "".join(failures)


def test_all_code_is_run() -> None:
    for page in PAGES:
        assert text(page).count("\n```") == 2 * len(blocks(f"reference/{page}.md", "pycon"))


def test_every_public_class_has_an_example() -> None:
    code = "".join(block for page in PAGES for block in blocks(f"reference/{page}.md", "pycon"))
    named = set(re.findall(r"\w+", code))
    classes = set(public_classes())
    assert len(classes) > 50
    assert sorted(each.__name__ for each in classes if each.__name__ not in named) == []


@pytest.mark.parametrize("package", ["eenet_rt", "eenet_export"])
def test_every_public_name_is_shown(package: str) -> None:
    names = set(shown())
    if package not in names:
        public_names = set(importlib.import_module(package).__all__) - {"__version__"}
        assert {f"{package}.{name}" for name in public_names} == {n for n in names if n.startswith(f"{package}.")}


def test_every_package_of_eenet_is_shown() -> None:
    root = Path(importlib.import_module("eenet").__path__[0])
    packages = {f"eenet.{init.parent.name}" for init in root.glob("*/__init__.py") if "__all__" in init.read_text()}
    assert packages - {"eenet.prediction_checks"} <= set(shown())
