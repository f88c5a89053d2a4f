"""Which tests run a line of Python: found once, by the whole suite under coverage, for the tool of mutants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import coverage

_DATA, _TABLE, _OUTCOMES = ".coverage", "covering_tests", "coverage.xml"


class CoveringTests:
    """A table of tests by file and line.

    Args:
        folder: of the sources, where the table is kept, too.
        key: names the sources: a table of the same ones that is there is taken.
        jobs: processes that run tests while it is made.
        environment: of the tests.
    """

    def __init__(self, folder: Path, key: str, jobs: int, environment: dict[str, str]) -> None:
        path = folder / "build" / f"{_TABLE}-{key[:16]}.json"
        if not path.is_file():
            _run_all(folder, jobs, environment)
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps(_read(folder)))
            temporary.replace(path)
        self._tests: dict[str, dict[str, list[str]]] = json.loads(path.read_text())

    def of(self, path: str, line: int) -> list[str]:
        """Those that run a line, or, where it is within a statement, its first line; none: nobody knows."""
        lines = self._tests.get(path, {})
        for number in range(line, max(0, line - 20), -1):
            if str(number) in lines:
                return lines[str(number)]
        return []


def _run_all(folder: Path, jobs: int, environment: dict[str, str]) -> None:
    (folder / "build" / "coveragerc").write_text(
        "[run]\nsource = python/eenet,export/eenet_export\nrelative_files = true\nparallel = true\npatch = subprocess\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses", str(jobs), "tests"]
    options = [
        "--cov",
        "--cov-context=test",
        "--cov-report=",
        "--cov-config=build/coveragerc",
        f"--junitxml=build/{_OUTCOMES}",
    ]
    environment = {**environment, "COVERAGE_FILE": str(folder / _DATA)}
    with open(folder / "build" / "coverage.log", "wb") as log:
        done = subprocess.run([*command, *options], cwd=folder, env=environment, stdout=log, stderr=log)
    if done.returncode not in (0, 1):  # 1: some have failed
        sys.exit(f"the tests did not run; see {folder / 'build' / 'coverage.log'}")


def _failed(folder: Path) -> set[str]:
    """Tests that fail without any mutant: some may not be looked at while they run, and none of these tells mutants."""
    failed = set()
    for case in ElementTree.parse(folder / "build" / _OUTCOMES).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}")
    return failed


def _read(folder: Path) -> dict[str, dict[str, list[str]]]:
    failed = _failed(folder)
    print(f"left out, for they fail under coverage: {', '.join(sorted(failed)) or 'no tests'}", flush=True)
    data = coverage.CoverageData(str(folder / _DATA))
    data.read()
    table: dict[str, dict[str, list[str]]] = {}
    for file in data.measured_files():
        name = os.path.relpath(folder / file, folder)
        for line, contexts in data.contexts_by_lineno(file).items():
            # A context is the test's name and the phase that ran the line; what ran before any test has none.
            tests = sorted({context.rpartition("|")[0] for context in contexts} - failed - {""})
            if tests:
                table.setdefault(name, {})[str(line)] = tests
    return table
