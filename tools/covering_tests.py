"""Which tests run a line of Python: found once, by the whole suite under coverage, for the tool of mutants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import coverage

_DATA, _TABLE = ".coverage", "covering_tests.json"


class CoveringTests:
    """A table of tests by file and line.

    Args:
        folder: of the sources, where the table is kept, too; one that is there is taken.
        jobs: processes that run tests while it is made.
        environment: of the tests.
    """

    def __init__(self, folder: Path, jobs: int, environment: dict[str, str]) -> None:
        path = folder / "build" / _TABLE
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
    options = ["--cov", "--cov-context=test", "--cov-report=", "--cov-config=build/coveragerc"]
    environment = {**environment, "COVERAGE_FILE": str(folder / _DATA)}
    with open(folder / "build" / "coverage.log", "wb") as log:
        done = subprocess.run([*command, *options], cwd=folder, env=environment, stdout=log, stderr=log)
    if done.returncode != 0:
        sys.exit(f"tests fail without any mutant; see {folder / 'build' / 'coverage.log'}")


def _read(folder: Path) -> dict[str, dict[str, list[str]]]:
    data = coverage.CoverageData(str(folder / _DATA))
    data.read()
    table: dict[str, dict[str, list[str]]] = {}
    for file in data.measured_files():
        name = os.path.relpath(folder / file, folder)
        for line, contexts in data.contexts_by_lineno(file).items():
            # A context is the test's name and the phase that ran the line; what ran before any test has none.
            tests = sorted({context.rpartition("|")[0] for context in contexts} - {""})
            if tests:
                table.setdefault(name, {})[str(line)] = tests
    return table
