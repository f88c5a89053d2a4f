"""What ``cmake --install`` gives: libraries, headers and eenet-run, used by projects that know nothing of this tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import eenet_rt
from conftest import TrainedBundle
from eenet_rt._libraries import find_libraries
from support.golden import GOLDEN, INPUTS, write

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CMAKE = Path(sys.executable).parent / "cmake"  # one of the development tools
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


def run(*command: object, status: int = 0, library: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program without Python's help, with ONNX Runtime where this environment has it."""
    names = ("PATH", "HOME", "TMPDIR", "CCACHE_BASEDIR", "CCACHE_NOHASHDIR", "CMAKE_CXX_COMPILER_LAUNCHER")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment["EENET_ORT_LIB"] = find_libraries()[0]["onnxruntime"][0] if library is None else library
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ build that ``make test`` makes, installed."""
    build = os.environ.get("EENET_TEST_CPP_BUILD")
    if build is None:
        pytest.fail("EENET_TEST_CPP_BUILD is not set: run the tests with `make test`")
    prefix = tmp_path_factory.mktemp("install") / "prefix"
    run(CMAKE, "--install", build, "--prefix", prefix)
    return prefix


def compile_c(installed: Path, name: str, folder: Path) -> Path:
    """A C example, compiled as C99 against the library that shows the C interface alone."""
    program = folder / name
    package = installed / "lib" / "pkgconfig" / "eenet_c.pc"
    flags = run("pkg-config", "--cflags", "--libs", package).stdout.split()
    source = EXAMPLES / "c" / f"{name}.c"
    run("gcc", "-std=c99", *STRICT, source, *flags, f"-Wl,-rpath,{installed / 'lib'}", "-o", program)
    return program


@pytest.fixture(scope="module")
def c_example(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_c(installed, "classify", tmp_path_factory.mktemp("c"))


def build_example(installed: Path, folder: Path, library: str) -> Path:
    """The C++ example, built outside the tree with ``find_package(eenet)``."""
    source = folder / "source"
    source.mkdir()
    for file in (EXAMPLES / "cpp").iterdir():
        text = file.read_text().replace("PRIVATE eenet::eenet", f"PRIVATE {library}")
        (source / file.name).write_text(text)
    flags = " ".join(STRICT)
    run(CMAKE, "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={installed}", f"-DCMAKE_CXX_FLAGS={flags}")
    run(CMAKE, "--build", folder)
    return folder / "classify"


def expected(bundle: TrainedBundle, count: int) -> list[tuple[int, int]]:
    runtime = eenet_rt.load(str(bundle.path))
    return [(r.label, r.exit) for r in map(runtime.infer, bundle.inputs[:count])]


def answers(text: str) -> list[tuple[int, int]]:
    found = re.findall(r"label (\d+) .*probability [\d.e-]+, exit (\d+)", text)
    return [(int(label), int(exit)) for label, exit in found]


def symbols(library: Path) -> set[str]:
    """The names that a shared library shows."""
    listed = run("nm", "--dynamic", "--defined-only", "--demangle", library).stdout
    return {line.split(" ", 2)[2] for line in listed.splitlines()}


@pytest.mark.parametrize("library", ["eenet::eenet", "eenet::shared"])
def test_cpp_project_outside_the_tree(installed: Path, tiny: TrainedBundle, tmp_path: Path, library: str) -> None:
    program = build_example(installed, tmp_path, library)
    tiny.inputs[:20].tofile(tmp_path / "x.f32")
    done = run(program, tiny.path, tmp_path / "x.f32")
    assert answers(done.stdout) == expected(tiny, 20)
    assert "20 sample(s)" in done.stdout
    needs_shared = "libeenet.so" in run("readelf", "--dynamic", program).stdout
    assert needs_shared == (library == "eenet::shared")
    assert "budget" in run(program, tiny.path, tmp_path / "x.f32", 1e-9, status=2).stderr
    full = run(program, tiny.path, tmp_path / "x.f32", 1e9)
    assert full.stderr.startswith("classify: warning: budget: 1e+09 ms is above the full cost of")
    (tmp_path / "cut.f32").write_bytes((tmp_path / "x.f32").read_bytes()[:-1])
    (tmp_path / "empty.f32").touch()
    for name, came in (("none.f32", "no file came"), ("cut.f32", "bytes came"), ("empty.f32", "0 bytes came")):
        refused = run(program, tiny.path, tmp_path / name, status=2)
        assert refused.stdout == ""
        assert refused.stderr.count("\n") == 1
        assert f"{name}: " in refused.stderr
        assert came in refused.stderr


def test_find_package_knows_its_version(installed: Path, tmp_path: Path) -> None:
    text = "cmake_minimum_required(VERSION 3.22)\nproject(p LANGUAGES CXX)\nfind_package(eenet {} CONFIG REQUIRED)\n"
    configure = [CMAKE, "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed}"]
    for version, status in (("0.1", 0), ("0.2", 1), ("1", 1)):
        (tmp_path / "CMakeLists.txt").write_text(text.format(version))
        run(*configure, status=status)


def test_c_example(c_example: Path, tiny: TrainedBundle, tmp_path: Path) -> None:
    found = []
    for i, x in enumerate(tiny.inputs[:5]):
        x.tofile(tmp_path / f"{i}.f32")
        done = run(c_example, tiny.path, tmp_path / f"{i}.f32")
        found += answers(done.stdout)
        assert "1 sample(s)" in done.stdout
    assert found == expected(tiny, 5)
    x_file = tmp_path / "0.f32"
    full = run(c_example, tiny.path, x_file, 1e9)
    assert answers(full.stdout)[0][1] == 2
    assert full.stderr.startswith("classify: warning: budget: 1e+09 ms is above the full cost of")
    runtime = eenet_rt.load(str(tiny.path), budget="90%")
    share = run(c_example, tiny.path, x_file, "90%")
    assert answers(share.stdout) == [(r.label, r.exit) for r in [runtime.infer(tiny.inputs[0])]]
    assert share.stderr == ""
    for arguments, message in (
        ([tmp_path / "none.eenet", tmp_path / "0.f32"], "none.eenet"),
        ([tiny.path, x_file, "1e-9"], "budget: 1e-09 ms came"),
        ([tiny.path, x_file, "200%"], "at most 100% expected"),
        *(([tiny.path, x_file, text], f"'{text}' came, a number") for text in ("65x", "65%%", "", "%", "-1", "nan")),
        ([tiny.path, tmp_path], "float32 numbers expected"),
    ):
        refused = run(c_example, *arguments, status=2).stderr
        assert message in refused
        assert refused.startswith("classify: ")
        assert refused.count("\n") == 1


@pytest.fixture
def tiny_head(tiny: TrainedBundle, tmp_path: Path) -> Path:
    """The first exit alone."""
    eenet_rt.slice_bundle(tiny.path, 0, 1, tmp_path / "head.eenet")
    return tmp_path / "head.eenet"


def test_c_example_of_tiers(installed: Path, tiny: TrainedBundle, tiny_head: Path, tmp_path: Path) -> None:
    program = compile_c(installed, "tiers", tmp_path)
    tiny.inputs[:20].tofile(tmp_path / "x.f32")
    done = run(program, tiny_head, tiny.path, tmp_path / "x.f32")
    found = [(int(label), int(exit)) for label, exit in re.findall(r"label (\d+), exit (\d+)", done.stdout)]
    assert found == expected(tiny, 20)
    handed_on = [", handed on in" in line for line in done.stdout.splitlines()]
    assert handed_on == [exit > 0 for _, exit in found]
    assert True in handed_on
    refused = run(program, tiny_head, tiny_head, tmp_path / "x.f32", status=2)
    assert "goes on with exit 1, the bundle holds exits 0 to 0" in refused.stderr


def test_c_interface_by_ctypes(installed: Path, tiny: TrainedBundle, tiny_head: Path, tmp_path: Path) -> None:
    inputs = tiny.inputs[:12]
    np.save(tmp_path / "x.npy", inputs)
    script, library = ROOT / "tests" / "support" / "c_interface.py", installed / "lib" / "libeenet_c.so.1"
    onnxruntime = find_libraries()[0]["onnxruntime"][0]
    found = json.loads(
        run(sys.executable, script, library, onnxruntime, tiny.path, tiny_head, tmp_path / "x.npy").stdout
    )
    runtime = eenet_rt.load(str(tiny.path))
    results = [runtime.infer(x, return_outputs=True) for x in inputs]
    for name in ("one", "batch", "tiers"):
        for answer, result in zip(found[name], results, strict=True):
            assert (answer["label"], answer["exit"]) == (result.label, result.exit), name
            np.testing.assert_allclose(answer["outputs"], result.logits, atol=1e-5)
            np.testing.assert_allclose(answer["scores"], result.scores, atol=1e-5)
            np.testing.assert_allclose(answer["probabilities"], result.probabilities, atol=1e-5)
            assert answer["value"] == []
    assert [answer["exit"] for answer in found["full"]] == [2] * len(inputs)
    assert any("full depth" in line for line in found["logged"])


def test_what_onnxruntime_says_is_logged(installed: Path, tmp_path: Path) -> None:
    segments = []
    for k in range(2):
        model = onnx.load(GOLDEN / f"segment_{k}.onnx")
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "nobody_reads_this"))
        segments.append(model.SerializeToString())
    bundle = tmp_path / "chatty.eenet"
    write(bundle, segments)
    np.save(tmp_path / "x.npy", INPUTS)
    script, library = ROOT / "tests" / "support" / "c_interface.py", installed / "lib" / "libeenet_c.so.1"
    onnxruntime = find_libraries()[0]["onnxruntime"][0]
    done = run(sys.executable, script, library, onnxruntime, bundle, bundle, tmp_path / "x.npy")
    assert any("nobody_reads_this" in line for line in json.loads(done.stdout)["logged"])
    assert done.stderr == "", "nothing is printed"


def test_what_the_libraries_show(installed: Path) -> None:
    header = (installed / "include" / "eenet" / "c_api.h").read_text()
    functions = set(re.findall(r"\b(eenet_\w+)\(", header))
    assert len(functions) >= 10
    assert symbols(installed / "lib" / "libeenet_c.so") == functions
    shown = symbols(installed / "lib" / "libeenet.so")
    assert functions <= shown
    private = ("eenet::ort::", "eenet::JsonNode", "nlohmann::", "eenet::quote_name")
    assert not [name for name in shown if name.startswith(private)]
    assert any(name.startswith("eenet::Runtime::infer_batch(") for name in shown)
    dynamic = run("readelf", "--dynamic", installed / "lib" / "libeenet_c.so").stdout
    assert "soname: [libeenet_c.so.1]" in dynamic
    assert "onnxruntime" not in dynamic
    assert "python" not in dynamic


def test_every_public_header_is_exported() -> None:
    # C has no namespaces: its functions are marked one by one. export.h is the macro itself.
    headers = sorted((ROOT / "cpp" / "include" / "eenet").glob("*.h"))
    missing = [header.name for header in headers if "namespace EENET_API eenet {" not in header.read_text()]
    assert missing == ["c_api.h", "c_types.h", "export.h"]


def classify(installed: Path, *arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    return run(installed / "bin" / "eenet-run", *arguments, status=status)


def classify_json(installed: Path, *arguments: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(classify(installed, *arguments, "--json").stdout)
    return report


def test_eenet_run_answers_as_python_does(installed: Path, tiny: TrainedBundle, tmp_path: Path) -> None:
    runtime, inputs = eenet_rt.load(str(tiny.path)), tiny.inputs[:30]
    np.save(tmp_path / "x.npy", inputs)
    batch = classify_json(installed, tiny.path, tmp_path / "x.npy", "--outputs")
    result = runtime.infer_batch(inputs, return_outputs=True)
    assert [sample["label"] for sample in batch["samples"]] == result.labels.tolist()
    assert [sample["exit"] for sample in batch["samples"]] == result.exits.tolist()
    assert [sample["class"] for sample in batch["samples"]] == [runtime.class_names[i] for i in result.labels]
    for sample, one in zip(batch["samples"], result, strict=True):
        np.testing.assert_allclose(np.array(sample["outputs"])[:, 0], one.logits, atol=1e-6)
        np.testing.assert_allclose(sample["scores"], one.scores, atol=1e-6)
        assert sample["probability"] == pytest.approx(one.probabilities[one.label])
    np.save(tmp_path / "one.npy", inputs[3])
    one = classify_json(installed, tiny.path, f"image={tmp_path / 'one.npy'}")
    assert [(s["label"], s["exit"]) for s in one["samples"]] == [(result.labels[3], result.exits[3])]
    assert "outputs" not in one["samples"][0]
    assert one["latency_ms"] >= one["backend_ms"] > 0


def test_eenet_run_takes_budgets(installed: Path, tiny: TrainedBundle, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", tiny.inputs[:100])
    runtime = eenet_rt.load(str(tiny.path))
    assert runtime.budgets
    for budget in (min(runtime.budgets), max(runtime.budgets)):
        runtime.set_budget(budget)
        report = classify_json(installed, tiny.path, tmp_path / "x.npy", "--budget", repr(budget))
        assert [s["exit"] for s in report["samples"]] == runtime.infer_batch(tiny.inputs[:100]).exits.tolist()
    above = classify(installed, tiny.path, tmp_path / "x.npy", "--budget=1e9")
    assert "eenet-run: warning: budget: 1e+09 ms is above the full cost of" in above.stderr
    deep = classify(installed, tiny.path, tmp_path / "x.npy", "--full-depth")
    assert answers(above.stdout) == answers(deep.stdout)
    assert {exit for _, exit in answers(deep.stdout)} == {2}


def test_eenet_run_says_what_a_slice_hands_on(installed: Path, tiny: TrainedBundle, tmp_path: Path) -> None:
    head = tmp_path / "head.eenet"
    eenet_rt.slice_bundle(tiny.path, 0, 1, head)
    np.save(tmp_path / "x.npy", tiny.inputs[:50])
    stays = [exit > 0 for _, exit in expected(tiny, 50)]
    assert 0 < sum(stays) < 50
    samples = classify_json(installed, head, tmp_path / "x.npy")["samples"]
    assert [sample["stopped_by"] == "handed_on" for sample in samples] == stays
    lines = classify(installed, head, tmp_path / "x.npy").stdout.splitlines()[:50]
    assert [line.endswith(", to be handed on") for line in lines] == stays


def test_eenet_run_prints_text(installed: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", INPUTS)
    lines = classify(installed, GOLDEN, tmp_path / "x.npy").stdout.splitlines()
    assert lines[2] == "sample 2: label 2 'two', probability 0.9094, exit 0"
    assert re.fullmatch(r"\d+\.\d{3} ms, \d+\.\d{3} ms of it in the inference library", lines[4])
    np.save(tmp_path / "x.npy", INPUTS[2])
    assert classify(installed, GOLDEN, tmp_path / "x.npy").stdout.startswith("label 2 'two'")
    assert classify(installed, "--version").stdout == f"eenet-run {eenet_rt.__version__}\n"
    assert classify(installed, "--help").stdout.startswith("usage: eenet-run BUNDLE")


def test_eenet_run_ends_with_one_line_on_mistakes(installed: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", INPUTS[0])
    np.save(tmp_path / "double.npy", INPUTS[0].astype(float))
    np.save(tmp_path / "wide.npy", np.zeros((2, 5), np.float32))
    mistakes = [
        ([], "a bundle and an input expected"),
        ([GOLDEN, tmp_path / "none.npy"], "none.npy': cannot be opened"),
        ([GOLDEN, tmp_path / "double.npy"], "'<f8' came"),
        ([GOLDEN, tmp_path / "wide.npy"], "shape (2, 5) came"),
        ([GOLDEN, f"y={tmp_path / 'x.npy'}"], "input 'y' came, 'x' expected"),
        ([tmp_path, tmp_path / "x.npy"], "manifest.json"),
        ([GOLDEN, tmp_path / "x.npy", "--budget", "1"], "budget: 1 flops came"),
        ([GOLDEN, tmp_path / "x.npy", "--threads", "0"], "threads: 0 came"),
        ([GOLDEN, tmp_path / "x.npy", "--ort-lib", "/nowhere.so"], "/nowhere.so"),
    ]
    for arguments, message in mistakes:
        done = classify(installed, *arguments, status=2)
        assert message in done.stderr
        assert re.fullmatch(r"eenet-run: error: [^\n]*\n", done.stderr)
        assert done.stdout == ""


def test_eenet_run_finds_onnxruntime_without_python(installed: Path, oldest_onnxruntime: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", INPUTS[0])
    command = [installed / "bin" / "eenet-run", GOLDEN, tmp_path / "x.npy"]
    missing = run(*command, library="", status=2).stderr
    assert "libonnxruntime.so" in missing
    assert "--ort-lib" in missing
    assert "label" in run(*command, "--ort-lib", oldest_onnxruntime, library="/nowhere.so").stdout


def test_configures_without_python(tmp_path: Path) -> None:
    configure = [CMAKE, "-S", ROOT, "-DCMAKE_DISABLE_FIND_PACKAGE_Python=ON"]
    run(*configure, "-B", tmp_path / "a")
    cache = (tmp_path / "a" / "CMakeCache.txt").read_text()
    assert "EENET_BUILD_PYTHON:BOOL=OFF" in cache
    assert "nlohmann_json_DIR:PATH=/" in cache
    done = run(*configure, "-B", tmp_path / "b", "-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON", status=1)
    assert "nlohmann-json3-dev" in done.stderr


def test_joins_another_project(tmp_path: Path) -> None:
    text = f"""cmake_minimum_required(VERSION 3.22)
project(other LANGUAGES CXX)
add_subdirectory("{ROOT}" eenet)
add_executable(other other.cpp)
target_link_libraries(other PRIVATE eenet::eenet)
if(TARGET eenet_shared OR TARGET eenet_run OR TARGET eenet_tests)
  message(FATAL_ERROR "more than the static library is built")
endif()
"""
    (tmp_path / "CMakeLists.txt").write_text(text)
    (tmp_path / "other.cpp").write_text("int main() {}\n")
    run(CMAKE, "-S", tmp_path, "-B", tmp_path / "build", f"-DPython_EXECUTABLE={sys.executable}")
