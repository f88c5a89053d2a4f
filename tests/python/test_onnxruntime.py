"""The ONNX Runtime library that ``eenet_rt`` opens, and the process that it is opened in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter: ONNX Runtime's environment is one per process."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, env={**os.environ,
        **environment}
    )  # fmt: skip


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
    assert "pip install onnxruntime" in done.stdout


def test_a_stub_of_onnxruntime_hides_nothing(tiny: TrainedBundle) -> None:
    """Test suites put modules into `sys.modules` that say nothing of what is installed."""
    code = "import sys, types, eenet_rt; sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')\n"
    done = python(code + "print(eenet_rt.load(sys.argv[1]).provider)", str(tiny.path))
    assert done.stdout == "cpu\n", done.stderr


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
