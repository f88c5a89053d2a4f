"""Mutation score: small changes of the sources, picked at random, each of which should make some test fail.

Run: tools/mutate.py [--count 60] [--seed 0] [--out build/mutation/report.json] [PATH ...]

Every change is made in a copy of the tree, which is built; then tests run: of C++ its own, and then the Python tests
that concern the folder; of Python those that run the line, by coverage. The report is written after every mutant, and a
second run with the same sources and seed goes on where the first one ended. It needs what `make test` installs. Nothing
that is to be had does this for C++ and Python in one: mutmut and cosmic-ray know Python alone, and mull, for C++, is in
no registry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from covering_tests import CoveringTests
from mutants import Mutant, find_mutants

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("cpp/src", "python/eenet", "export")

# Python tests that concern what lies below a path; the longest path that fits counts. For Python they run where no test
# runs the line itself, as of what is set while a module is imported.
TESTS: dict[str, tuple[str, ...]] = {
    "cpp/src": (
        "test_bad_bundles", "test_batch", "test_handoff", "test_interruption", "test_live_control", "test_runtime",
        "test_slices",
    ),
    "cpp/src/watch": ("test_drift",),
    "cpp/src/backends/ort": ("test_interruption", "test_onnxruntime", "test_providers", "test_runtime", "test_threads"),
    "cpp/src/bundle": ("test_bad_bundles", "test_golden", "test_runtime"),
    "cpp/src/inputs": ("test_preprocessing", "test_runtime"),
    "cpp/src/util": ("test_bad_bundles", "test_files", "test_golden", "test_slices"),
    "export": (
        "test_export", "test_export_operations", "test_files", "test_outputs", "test_own_samples", "test_segments",
        "test_slices",
    ),
    "python/eenet": (
        "test_commands", "test_damaged_files", "test_data", "test_evaluation", "test_files", "test_outputs",
        "test_prediction_checks", "test_progress", "test_refit", "test_refit_refusals",
    ),
    "python/eenet/cli": (
        "test_bench_command", "test_commands", "test_option_types", "test_predict_command", "test_refit_refusals",
        "test_schedule_command", "test_training",
    ),
    "python/eenet/data": ("test_damaged_files", "test_data", "test_image_folders", "test_splits"),
    "python/eenet/models": ("test_models", "test_own_networks", "test_own_samples", "test_training"),
    "python/eenet/prediction_checks": ("test_commands", "test_prediction_checks", "test_schedule_command"),
    "python/eenet/report": (
        "test_report", "test_report_pictures", "test_report_refusals", "test_report_regression",
        "test_report_sections", "test_verdict",
    ),
    "python/eenet/policies": (
        "test_evaluation", "test_guarantee", "test_prediction_checks", "test_reference", "test_refit",
        "test_refit_refusals", "test_schedule_command", "test_schedule_file", "test_scheduling", "test_stream",
    ),
    "python/eenet/workflows": (
        "test_bench_command", "test_evaluation", "test_guarantee", "test_predict_command", "test_refit",
        "test_refit_refusals", "test_schedule_command", "test_summary", "test_training", "test_training_runs",
    ),
    "python/eenet/training": ("test_models", "test_training", "test_training_runs"),
}  # fmt: skip


@dataclass
class Outcome:
    """What became of a mutant: `killed`, `timeout`, `survived`, or `invalid` where it does not compile."""

    path: str
    line: int
    kind: str
    before: str
    after: str
    outcome: str = ""
    by: str = ""
    seconds: float = 0.0


class Tree:
    """A copy of the sources, its builds, and how to run tests on it."""

    def __init__(
        self, folder: Path, key: str, jobs: int, limit: float, baseline: dict[str, float], *, cpp: bool
    ) -> None:
        self._folder, self._key, self._jobs, self._limit = folder, key, jobs, limit
        self._targets = ["_core", "eenet_tests"] if cpp else ["_core"]
        self._build = folder / "build" / "tests"
        self.baseline = baseline  # seconds of suites that pass without a mutant
        self._covering: CoveringTests | None = None
        self._stale = False  # whether the Python module has a mutant that the sources have no longer

    def fill(self) -> None:
        """Copies every file that git knows; what is there and the same keeps its time, for the build."""
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        names = set(filter(None, listed.stdout.split("\0")))
        for old in self._folder.glob("[!b]*/**/*.*"):
            if old.is_file() and old.suffix != ".so" and str(old.relative_to(self._folder)) not in names:
                old.unlink()
        for name in names:
            source, target = ROOT / name, self._folder / name
            if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def write(self, path: str, data: bytes) -> None:
        target = self._folder / path
        if target.read_bytes() != data:
            target.write_bytes(data)

    def configure(self) -> None:
        command = ["cmake", "-S", ".", "-B", self._build, "-DCMAKE_BUILD_TYPE=Release", "-DEENET_BUILD_TESTS=ON"]
        options = ["-DEENET_BUILD_PYTHON=ON", "-DEENET_WERROR=OFF", "-DEENET_INSTALL=OFF", "--log-level=WARNING"]
        self._must([*command, *options, f"-DPython_EXECUTABLE={sys.executable}"])
        self.build(must=True)

    def build(self, *, must: bool = False) -> bool:
        """Builds the Python module, and C++ tests where C++ is changed; whether it compiles."""
        self._stale = False
        command = ["cmake", "--build", self._build, "--parallel", str(self._jobs), "--target", *self._targets]
        log = self._folder / "build" / "build.log"
        with open(log, "wb") as file:
            done = subprocess.run(command, cwd=self._folder, stdout=file, stderr=subprocess.STDOUT)
        if done.returncode != 0 and must:
            sys.exit(f"the sources themselves do not build; see {log}")
        for module in self._build.glob("cpp/bindings/_core*.so"):
            shutil.copyfile(module, self._folder / "python" / "eenet_rt" / module.name)
        return done.returncode == 0

    def restore(self, path: str, source: bytes) -> None:
        """Takes a mutant back. What it built is built anew before Python needs it, mostly with the next one."""
        self.write(path, source)
        self._stale = self._stale or path.startswith("cpp/")

    def prepare(self, suites: list[str]) -> None:
        """Has the suites pass once without a mutant, where they have not yet."""
        for suite in suites:
            if suite in self.baseline or _is_covering(suite):  # those have passed under coverage
                continue
            self.refresh()
            print(f"baseline: {suite}", flush=True)
            outcome, seconds = self._run(suite, self._limit)
            if outcome != "passed":
                sys.exit(f"{suite}: {outcome} without any mutant; see {self._folder / 'build' / 'test.log'}")
            self.baseline[suite] = seconds

    def refresh(self) -> None:
        """Builds what an earlier mutant has left, if it has."""
        if self._stale:
            self.build(must=True)

    def run(self, suite: str) -> str:
        """Runs a suite, `cpp` or names of Python tests, that `prepare` had: `passed`, `failed` or `timeout`."""
        # A mutant that loops is not to cost the whole limit; one that slows a busy machine is not to be taken for one.
        outcome, _ = self._run(suite, min(self._limit, 60 + 5 * self.baseline.get(suite, self._limit)))
        return outcome

    def _run(self, suite: str, limit: float) -> tuple[str, float]:
        if suite == "cpp":
            command = [str(self._build / "tests" / "cpp" / "eenet_tests"), "--gtest_brief=1", "--gtest_fail_fast"]
        else:
            tests = self._tests(suite)
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            if not _is_covering(suite) or len(tests) > 20:  # few tests end before a second process is up
                command += ["--numprocesses", str(self._jobs)]
        start = time.monotonic()
        with open(self._folder / "build" / "test.log", "wb") as log:
            process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
            try:
                outcome = "passed" if process.wait(limit) == 0 else "failed"
            except subprocess.TimeoutExpired:
                outcome = "timeout"
            finally:
                # Whatever the tests have started, too.
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        return outcome, time.monotonic() - start

    @property
    def _environment(self) -> dict[str, str]:
        paths = (self._folder / "python", self._folder / "export")
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "EENET_TEST_CPP_BUILD": str(self._build),
            "EENET_TEST_ONNXRUNTIME_OLDEST": str(Path(sys.prefix) / "onnxruntime-oldest"),
        }

    def _tests(self, suite: str) -> list[str]:
        """Arguments of pytest: tests by their ids, or files by their names."""
        if _is_covering(suite):
            return suite.split("\n")
        return [str(self._folder / "tests" / "python" / f"{name}.py") for name in suite.split()]

    def covering(self, path: str, line: int) -> list[str]:
        """Ids of the tests that run a line of Python; none: nobody knows."""
        if self._covering is None:
            print("which tests run which line: all of them once, under coverage", flush=True)
            self._covering = CoveringTests(self._folder, self._key, self._jobs, self._environment)
        return self._covering.of(path, line)

    def _must(self, command: list[object]) -> None:
        done = subprocess.run([*map(str, command)], cwd=self._folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{command[0]}: {done.stderr.strip()}")


def files_of(path: str) -> tuple[str, ...]:
    """Names of the files of Python tests that concern a source file."""
    return TESTS[max((known for known in TESTS if path.startswith(f"{known}/")), key=len)]


def suites_of(tree: Tree, mutant: Outcome) -> list[str]:
    """The suites that concern a mutant, in the order in which they run."""
    files = files_of(mutant.path)
    if mutant.path.startswith("cpp/"):
        return ["cpp", " ".join(files)]
    # Those of the folder's own files first: they are likelier to see it.
    covering = sorted(tree.covering(mutant.path, mutant.line), key=lambda test: _file_of(test) not in files)
    return ["\n".join(covering) or " ".join(files)]


def _is_covering(suite: str) -> bool:
    """Whether a suite is ids of tests, not files of them."""
    return "::" in suite


def _file_of(test: str) -> str:
    return Path(test.partition("::")[0]).stem


def read_sources(paths: list[str]) -> dict[str, bytes]:
    """The files that git knows below the paths, read once: they may be edited while this runs."""
    names = subprocess.run(
        ["git", "ls-files", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    known = (name for name in names if Path(name).suffix in (".cpp", ".h", ".py"))
    return {name: (ROOT / name).read_bytes() for name in known if (ROOT / name).is_file()}


def describe(mutant: Mutant, source: bytes) -> Outcome:
    """Where it is and what it does, for people."""
    before = source[mutant.start : mutant.end].decode(errors="replace")
    return Outcome(mutant.path, source.count(b"\n", 0, mutant.start) + 1, mutant.kind, before, mutant.text)


def judge(tree: Tree, mutant: Mutant, source: bytes) -> Outcome:
    """Makes the change, builds, runs the tests, and takes it back."""
    result = describe(mutant, source)
    suites = suites_of(tree, result)
    tree.prepare(suites)
    if not mutant.path.startswith("cpp/"):
        tree.refresh()
    start = time.monotonic()
    tree.write(mutant.path, mutant.apply(source))
    try:
        result.outcome = "survived"
        if mutant.path.startswith("cpp/") and not tree.build():
            result.outcome = "invalid"
        else:
            for suite in suites:
                outcome = tree.run(suite)
                if outcome != "passed":
                    result.outcome = "killed" if outcome == "failed" else "timeout"
                    result.by = f"{suite.count(chr(10)) + 1} tests of the line" if _is_covering(suite) else suite
                    break
    finally:
        tree.restore(mutant.path, source)
    result.seconds = round(time.monotonic() - start, 1)
    return result


def report(key: dict[str, Any], outcomes: list[Outcome], baseline: dict[str, float]) -> dict[str, Any]:
    """Score and survivors; a mutant that does not compile says nothing of the tests."""
    valid = [each for each in outcomes if each.outcome != "invalid"]
    survivors = [each for each in valid if each.outcome == "survived"]
    score = 1 - len(survivors) / len(valid) if valid else None
    return {
        **key,
        "mutants": len(valid),
        "score": score,
        "survivors": [asdict(each) for each in survivors],
        "outcomes": [asdict(each) for each in outcomes],
        "baseline": baseline,
    }


def resume(path: Path, key: dict[str, Any]) -> tuple[list[Outcome], dict[str, float]]:
    """Outcomes of an earlier run with the same sources and seed, and how long its suites took."""
    try:
        old = json.loads(path.read_text())
    except FileNotFoundError:
        return [], {}
    if {name: old.get(name) for name in key} != key:
        print(f"{path} is of other sources or another seed: starting anew", flush=True)
        return [], {}
    return [Outcome(**each) for each in old["outcomes"]], old["baseline"]


def save(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    temporary.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=list(SOURCES), metavar="PATH", help="of sources to change")
    parser.add_argument("--count", type=int, default=60, help="mutants that compile")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=900, help="seconds for each suite of tests")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="of the build")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "mutation" / "report.json")
    parser.add_argument("--list", action="store_true", help="print which mutants would be tried, and try none")
    arguments = parser.parse_args()
    sources = read_sources(arguments.paths)
    mutants = [mutant for name, source in sources.items() for mutant in find_mutants(name, source)]
    digest = hashlib.sha256(repr(sorted(sources.items())).encode() + repr(mutants).encode()).hexdigest()
    random.Random(arguments.seed).shuffle(mutants)
    if arguments.list:
        for mutant in mutants[: arguments.count]:
            each = describe(mutant, sources[mutant.path])
            print(f"{each.path}:{each.line}: {each.kind}: {each.before!r} -> {each.after!r}")
        print(f"{len(mutants)} mutants in all")
        return 0
    key = {"seed": arguments.seed, "sources": digest, "found": len(mutants)}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    outcomes, baseline = resume(arguments.out, key)
    tree = Tree(
        arguments.out.resolve().parent / "tree",
        digest,
        arguments.jobs,
        arguments.limit,
        baseline,
        cpp=any(name.startswith("cpp/") for name in sources),
    )
    tree.fill()
    for name, source in sources.items():
        tree.write(name, source)
    print("build the sources as they are", flush=True)
    tree.configure()
    start, begun = time.monotonic(), len(outcomes)
    for mutant in mutants[len(outcomes) :]:
        tried = sum(each.outcome != "invalid" for each in outcomes)
        if tried >= arguments.count:
            break
        outcomes.append(judge(tree, mutant, sources[mutant.path]))
        save(arguments.out, report(key, outcomes, tree.baseline))
        each, tried = outcomes[-1], tried + (outcomes[-1].outcome != "invalid")
        left = (time.monotonic() - start) / (len(outcomes) - begun) * (arguments.count - tried) / 60
        change = f"{each.kind}: {each.before!r} -> {each.after!r}"
        print(f"[{tried}/{arguments.count}, {left:.0f} min left] {each.outcome}: {each.path}:{each.line}: {change}")
        sys.stdout.flush()
    result = report(key, outcomes, tree.baseline)
    for each in result["survivors"]:
        print(f"survived: {each['path']}:{each['line']}: {each['kind']}: {each['before']!r} -> {each['after']!r}")
    print(f"mutation score {100 * (result['score'] or 0):.1f} % of {result['mutants']} mutants; wrote {arguments.out}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the same command goes on where it ended")
