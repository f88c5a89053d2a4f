"""``eenet_rt``: inputs, budgets, profiles, statistics, the ONNX Runtime library and processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle


@pytest.fixture
def runtime(tiny: TrainedBundle) -> eenet_rt.Runtime:
    return eenet_rt.load(str(tiny.path))


@pytest.fixture
def x(tiny: TrainedBundle) -> np.ndarray:
    return tiny.inputs[0]


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter: ONNX Runtime's environment is one per process."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, env={**os.environ,
        **environment}
    )  # fmt: skip


# --- description ---


def test_description(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    manifest = json.loads((tiny.path / "manifest.json").read_text())
    assert runtime.id == manifest["id"]
    assert (runtime.model, runtime.task, runtime.num_exits, runtime.num_classes) == ("tiny", "classification", 3, 10)
    assert list(runtime.class_names) == list(tiny.checkpoint.class_names)
    assert runtime.inputs == {"image": ("float32", (3, 32, 32))}
    assert runtime.preprocessing == manifest["preprocessing"]
    assert list(runtime.parameters) == tiny.checkpoint.network.parameters_to_exit()
    assert list(runtime.costs) == manifest["profiles"][0]["costs"]
    assert runtime.static_cost == manifest["profiles"][0]["static"]
    assert [s.budget for s in runtime.schedules] == sorted(s.budget for s in runtime.schedules)
    assert "tiny" in repr(runtime)


# --- inputs ---


def test_dictionary_of_inputs(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    assert np.array_equal(runtime.infer({"image": x}).probabilities, runtime.infer(x).probabilities)


def test_subclasses_are_arrays(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    class Named(np.ndarray):
        pass

    for same in (x.view(Named), x.view(np.memmap)):
        assert runtime.infer(same).label == runtime.infer(x).label


def test_read_only_input(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    frozen = x.copy()
    frozen.flags.writeable = False
    assert runtime.infer(frozen).label == runtime.infer(x).label


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[None], ("image", "(1, 3, 32, 32)", "(3, 32, 32)")),
        (lambda x: x[:, :31].copy(), ("image", "(3, 31, 32)", "(3, 32, 32)")),
        (lambda x: x.astype(np.float64), ("image", "float64", "float32")),
        (lambda x: (x * 255).astype(np.uint8), ("image", "uint8", "float32")),
        (lambda x: np.asfortranarray(x), ("image", "contiguous")),
        (lambda x: np.repeat(x, 2, axis=2)[:, :, ::2], ("image", "contiguous")),
        (lambda x: x[:, ::-1], ("image", "contiguous")),
        (lambda x: x.astype(">f4"), ("image", ">f4", "float32")),
        (lambda x: x.astype(object), ("image", "object", "float32")),
        (lambda x: x.ravel()[0], ("image", "float32 came, a numpy array expected")),
        (lambda x: np.array(1, np.float32), ("image", "shape ()", "(3, 32, 32)")),
        (lambda x: np.ma.masked_array(x, mask=True), ("image", "MaskedArray", "plain array", "filled")),
        (lambda x: np.ma.masked_array(x), ("image", "MaskedArray", "plain array", "filled")),
        (lambda x: x.tolist(), ("list",)),
        (lambda x: None, ("None",)),
        (lambda x: {"picture": x}, ("image", "missing")),
        (lambda x: {}, ("image",)),
        (lambda x: {"image": x, "mask": x}, ("2 arrays came, 1 expected",)),
    ],
)
def test_wrong_input(
    runtime: eenet_rt.Runtime, x: np.ndarray, change: Callable[[np.ndarray], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises((eenet_rt.InputError, TypeError)) as caught:
        runtime.infer(change(x))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 31, 31), (1, 7, 13)])
def test_input_that_is_not_finite(
    runtime: eenet_rt.Runtime, x: np.ndarray, value: float, place: tuple[int, ...]
) -> None:
    bad = x.copy()
    bad[place] = value
    with pytest.raises(eenet_rt.InputError, match="image"):
        runtime.infer(bad)
    assert runtime.infer(x).label in range(10)


def test_finite_input_whose_logits_are_not(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    with pytest.raises(eenet_rt.NonFiniteError, match="exit"):
        runtime.infer(np.full_like(x, 3e38))


def test_forced_exit_out_of_range(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    for k in (-1, 3):
        with pytest.raises(eenet_rt.InputError, match="forced_exit"):
            runtime.infer(x, forced_exit=k)


def test_policy_of_another_network(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    scorer = (np.zeros((1, 7 + 4), np.float32), np.zeros(1, np.float32))
    with pytest.raises(eenet_rt.EenetError, match="classes"):
        runtime.infer(x, policy=eenet_rt.ExitPolicy(7, [scorer], np.zeros(2)))


# --- budgets ---


def test_set_budget_takes_the_largest_below(runtime: eenet_rt.Runtime) -> None:
    budgets = [s.budget for s in runtime.schedules]
    for i, budget in enumerate(budgets):
        assert runtime.set_budget(budget).budget == budget
        assert runtime.schedule is not None
        assert runtime.schedule.budget == budget
        if i + 1 < len(budgets):
            assert runtime.set_budget((budget + budgets[i + 1]) / 2).budget == budget


def test_budget_out_of_range(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    before = runtime.schedule.budget
    for budget in (runtime.costs[0] / 2, 0.0, -1.0, float("nan")):
        with pytest.raises(eenet_rt.BudgetError, match="budget"):
            runtime.set_budget(budget)
    assert runtime.schedule.budget == before
    with pytest.raises(eenet_rt.BudgetError):
        eenet_rt.load(str(tiny.path), budget=runtime.costs[0] / 2)


def test_shares_of_full_cost(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    for schedule in runtime.schedules:
        share = f"{100 * schedule.budget / runtime.costs[-1]!r}%"
        assert runtime.set_budget(share).budget == schedule.budget
        assert eenet_rt.load(tiny.path, budget=share).schedule.budget == schedule.budget
        assert runtime.set_budget(share, window=10).budget == schedule.budget
    with pytest.warns(eenet_rt.BudgetWarning, match="full depth"):
        assert runtime.set_budget("100.1%") is None
    with pytest.raises(eenet_rt.BudgetError, match=r"budget: 1% came, .* \(.*% to 100%\) expected"):
        runtime.set_budget("1%")


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("x%", "budget: 'x%' came, a number or a share of full cost, as '65%', expected"),
        ("-5%", "budget: '-5%' came, a number or a share"),
        ([2.5], "budget: list came, a number or a share of full cost, as '65%', expected"),
        (True, "budget: bool came, a number or a share"),
        (2j, "budget: complex came, a number or a share"),
    ],
)
def test_budgets_that_are_none(runtime: eenet_rt.Runtime, tiny: TrainedBundle, budget: Any, words: str) -> None:
    for take in (runtime.set_budget, lambda budget: eenet_rt.load(tiny.path, budget=budget)):
        with pytest.raises(eenet_rt.InputError) as caught:
            take(budget)
        assert words in str(caught.value)


def test_numbers_of_any_kind_are_budgets(runtime: eenet_rt.Runtime) -> None:
    budget = runtime.budgets[-1]
    for same in (np.float64(budget), repr(budget)):
        assert runtime.set_budget(same).budget == budget


def test_budget_above_full_cost_runs_full_depth_and_says_so(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    with pytest.warns(eenet_rt.BudgetWarning, match="full depth"):
        runtime.set_budget(10 * runtime.costs[-1])
    assert runtime.schedule is None
    assert runtime.infer(x).exit == 2


def test_budget_is_kept_on_report_data(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    for schedule in runtime.schedules:
        exits = eenet_rt.replay(tiny.report.logits, schedule.exit_policy).exits
        spent = np.array(schedule.costs)[exits]
        # 2,000 images: three standard errors above the budget would be a bug, not chance.
        assert spent.mean() <= schedule.budget + 3 * spent.std() / np.sqrt(len(spent))


def test_another_device_gets_no_ms_budget_until_it_has_costs(tiny: TrainedBundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny.path, tmp_path / "copy.eenet"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["profiles"][0]["device"] = "some other device"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(eenet_rt.ProfileWarning):
        runtime = eenet_rt.load(str(copy))
    assert runtime.profile is None
    assert runtime.costs is None
    assert runtime.infer(tiny.inputs[0]).label in range(10)
    with pytest.raises(eenet_rt.BudgetError, match="profile"):
        runtime.set_budget(1.0)
    # Shares go by the costs that the schedules were fitted for.
    for schedule in runtime.schedules:
        share = f"{100 * schedule.budget / schedule.costs[-1]!r}%"
        assert runtime.set_budget(share).budget == schedule.budget
    # Everything is ten times slower there: ten times the budget takes the same schedules.
    slow = [10 * c for c in manifest["profiles"][0]["costs"]]
    runtime = eenet_rt.load(str(copy), cost_profile=slow)
    for schedule in runtime.schedules:
        assert runtime.set_budget(10 * schedule.budget + 1e-9).thresholds.tolist() == schedule.thresholds.tolist()


@pytest.mark.parametrize("costs", [[1, 2], [3, 2, 1], [0, 1, 2], [1, 2, float("nan")], [1, 2, float("inf")]])
def test_cost_profile_is_checked(tiny: TrainedBundle, costs: list[float]) -> None:
    with pytest.raises(eenet_rt.EenetError, match="cost_profile"):
        eenet_rt.load(str(tiny.path), cost_profile=costs)


# --- statistics ---


def test_statistics(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    runtime.reset_stats()
    results = [runtime.infer(x) for x in tiny.inputs[:200]]
    stats = runtime.stats()
    exits = np.bincount([r.exit for r in results], minlength=3)
    assert stats.count == 200
    assert list(stats.exits) == exits.tolist()
    assert stats.mean_cost == pytest.approx(float(exits @ np.array(runtime.costs)) / 200)
    latency = np.array([r.latency_ms for r in results])
    assert stats.mean_latency_ms == pytest.approx(latency.mean(), rel=0.01)
    for percentile, value in ((50, stats.p50_ms), (90, stats.p90_ms), (99, stats.p99_ms)):
        low, high = np.percentile(latency, [percentile - 1, min(100, percentile + 1)])
        assert 0.9 * low <= value <= 1.1 * high
    runtime.reset_stats()
    assert runtime.stats().count == 0


# --- the ONNX Runtime library ---

RUN = """
import sys, warnings, numpy as np, eenet_rt
warnings.simplefilter("ignore")
runtime = eenet_rt.load(sys.argv[1])
results = [runtime.infer(x) for x in np.load(sys.argv[2])]
print(runtime.provider_version, [(r.exit, r.label) for r in results], sep=";")
"""


def test_oldest_and_newest_onnxruntime_agree(tiny: TrainedBundle, tmp_path: Path, oldest_onnxruntime: Path) -> None:
    np.save(tmp_path / "x.npy", tiny.inputs[:100])
    newest = python(RUN, str(tiny.path), str(tmp_path / "x.npy"))
    oldest = python(RUN, str(tiny.path), str(tmp_path / "x.npy"), EENET_ORT_LIB=str(oldest_onnxruntime))
    assert newest.returncode == oldest.returncode == 0, newest.stderr + oldest.stderr
    (new_version, new_results), (old_version, old_results) = (p.stdout.split(";") for p in (newest, oldest))
    assert old_version == "onnxruntime 1.19.2"
    assert tuple(map(int, new_version.split()[1].split("."))) > (1, 19, 2)
    assert new_results == old_results
    assert newest.stderr == oldest.stderr == ""


@pytest.mark.parametrize("order", ["onnxruntime first", "eenet_rt first"])
def test_beside_the_onnxruntime_package(tiny: TrainedBundle, tmp_path: Path, order: str) -> None:
    np.save(tmp_path / "x.npy", tiny.inputs[:50])
    use = f"""
import onnxruntime
session = onnxruntime.InferenceSession({str(tiny.path / "segment_0.onnx")!r}, providers=["CPUExecutionProvider"])
session.run(None, {{"image": np.load(sys.argv[2])[:2]}})
"""
    imports = "import sys, numpy as np\n"
    code = imports + use + RUN if order == "onnxruntime first" else RUN + use
    beside, alone = (python(c, str(tiny.path), str(tmp_path / "x.npy")) for c in (code, RUN))
    assert beside.returncode == 0, beside.stderr
    assert beside.stdout == alone.stdout


LOAD = """
import sys, eenet_rt
try:
    eenet_rt.load(sys.argv[1])
except eenet_rt.BackendError as e:
    print(e)
"""


def test_library_that_is_not_there(tiny: TrainedBundle, tmp_path: Path) -> None:
    done = python(LOAD, str(tiny.path), EENET_ORT_LIB=str(tmp_path / "absent.so"))
    assert done.returncode == 0, done.stderr
    assert "absent.so" in done.stdout
    assert "EENET_ORT_LIB" in done.stdout


def test_library_that_is_no_onnxruntime(tiny: TrainedBundle) -> None:
    library = next(Path(eenet_rt.__file__).parent.glob("_core*.so"))
    done = python(LOAD, str(tiny.path), EENET_ORT_LIB=str(library))
    assert done.returncode == 0, done.stderr
    assert "OrtGetApiBase" in done.stdout


def test_onnxruntime_too_old(tiny: TrainedBundle, tmp_path: Path) -> None:
    """A library that says it is 1.18.0: built here, for no wheel carries one that old."""
    source = tmp_path / "old.c"
    source.write_text(
        "struct OrtApiBase { const void* (*get_api)(unsigned); const char* (*get_version)(void); };\n"
        "static const void* get_api(unsigned version) { return version <= 18 ? (void*)1 : 0; }\n"
        'static const char* get_version(void) { return "1.18.0"; }\n'
        "static const struct OrtApiBase base = {get_api, get_version};\n"
        "const struct OrtApiBase* OrtGetApiBase(void) { return &base; }\n"
    )
    library = tmp_path / "libonnxruntime.so.1.18.0"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    done = python(LOAD, str(tiny.path), EENET_ORT_LIB=str(library))
    assert done.returncode == 0, done.stderr
    assert "1.18.0" in done.stdout
    assert "1.19.2" in done.stdout


def test_without_the_onnxruntime_package(tiny: TrainedBundle, tmp_path: Path) -> None:
    """An environment with eenet and numpy alone: the error says what to install."""
    site = tmp_path / "site"
    site.mkdir()
    for package in (Path(eenet_rt.__file__).parent, Path(np.__file__).parent):
        (site / package.name).symlink_to(package)
    libraries = Path(np.__file__).parent.parent / "numpy.libs"
    if libraries.is_dir():
        (site / "numpy.libs").symlink_to(libraries)
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n" + LOAD
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(tiny.path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "eenet[cpu]" in done.stdout


# --- processes ---


def test_second_load_with_other_threads(tiny: TrainedBundle) -> None:
    code = """
import sys, warnings, eenet_rt
warnings.simplefilter("ignore")
first = eenet_rt.load(sys.argv[1], threads=1)
eenet_rt.load(sys.argv[1], threads=1)
try:
    eenet_rt.load(sys.argv[1], threads=2)
except eenet_rt.EenetError as e:
    print(type(e).__name__, e)
"""
    done = python(code, str(tiny.path))
    assert done.returncode == 0, done.stderr
    assert "threads" in done.stdout
    assert "1" in done.stdout
    assert "2" in done.stdout


@pytest.mark.parametrize("threads", [0, -1, 100000])
def test_threads_out_of_range(tiny: TrainedBundle, threads: int) -> None:
    with pytest.raises(eenet_rt.EenetError, match="threads"):
        eenet_rt.load(str(tiny.path), threads=threads)


def test_fork_after_load_is_detected(tiny: TrainedBundle, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", tiny.inputs[:1])
    code = """
import os, sys, numpy as np, eenet_rt
runtime = eenet_rt.load(sys.argv[1])
x = np.load(sys.argv[2])[0]
runtime.infer(x)
sys.stdout.flush()
if os.fork() == 0:
    try:
        runtime.infer(x)
    except eenet_rt.EenetError as e:
        print(e, flush=True)
    os._exit(0)
os.wait()
print("parent", runtime.infer(x).label >= 0)
"""
    done = python(code, str(tiny.path), str(tmp_path / "x.npy"))
    assert done.returncode == 0, done.stderr
    assert "fork" in done.stdout
    assert done.stdout.endswith("parent True\n")


def test_eenet_rt_imports_neither_torch_nor_onnx_nor_eenet() -> None:
    code = "import sys, eenet_rt; print({'torch', 'onnx', 'onnxruntime', 'eenet'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", b"a\0b"])
def test_paths_that_no_file_can_have(path: str | bytes) -> None:
    for read in (eenet_rt.load, eenet_rt.read_schedules):
        with pytest.raises(eenet_rt.InputError, match=r"path: .* came, a name that a file can have expected"):
            read(path)


def test_a_stub_of_onnxruntime_hides_nothing(tiny: TrainedBundle) -> None:
    """Test suites put modules into `sys.modules` that say nothing of what is installed."""
    code = "import sys, types, eenet_rt; sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')\n"
    done = python(code + "print(eenet_rt.load(sys.argv[1]).provider)", str(tiny.path))
    assert done.stdout == "cpu\n", done.stderr
