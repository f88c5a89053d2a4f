"""Execution providers through one door: OpenVINO for real, and what is refused. GPUs are not tried here."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.errors import UserError
from eenet.workflows.profile import PROVIDERS, ProfileOptions, measure
from eenet.workflows.refit import RefitOptions, refit_bundle
from support.bundles import edit_manifest, list_files
from support.interpreter import python

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "tiny.eenet"
USUAL = 2e-5  # of logits, as between PyTorch and ONNX Runtime in tests/parity
CLOSE = 1e-4  # scores this near a threshold may fall on either side of it

pytestmark = [
    pytest.mark.filterwarnings("ignore::eenet_rt.ProfileWarning"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="OpenVINO's plug-in comes for x86-64 alone"),
]


needs_openvino = pytest.mark.usefixtures("openvino")


def every_logit(runtime: eenet_rt.Runtime, inputs: np.ndarray) -> np.ndarray:
    last = runtime.num_exits - 1
    return np.stack([runtime.infer(x, forced_exit=last, return_outputs=True).logits for x in inputs])


# --- OpenVINO computes what the CPU provider does ---


@needs_openvino
def test_openvino_gives_the_logits_of_the_cpu(bundle: TrainedBundle) -> None:
    inputs = bundle.inputs[:100]
    cpu, openvino = (eenet_rt.load(bundle.path, providers=[name]) for name in ("cpu", "openvino"))
    assert (cpu.provider, openvino.provider) == ("cpu", "openvino")
    ours = every_logit(openvino, inputs)
    # In bfloat16, which OpenVINO would take where the processor has it, they are 1e-1 apart.
    assert np.abs(ours - every_logit(cpu, inputs)).max() < USUAL
    assert np.abs(ours - bundle.report.logits[:100]).max() < USUAL


@needs_openvino
def test_openvino_takes_the_exits_of_the_cpu(bundle: TrainedBundle) -> None:
    """Wherever no score on the way is within CLOSE of its threshold; the others are counted and few."""
    inputs = bundle.inputs[:100]
    cpu, openvino = (eenet_rt.load(bundle.path, providers=[name]) for name in ("cpu", "openvino"))
    logits = every_logit(cpu, inputs)
    for schedule in cpu.schedules:
        policy = schedule.exit_policy
        ours = [openvino.infer(x, policy=policy) for x in inputs]
        theirs = eenet_rt.replay(logits, policy)
        distance = np.abs(eenet_rt.scores(logits, policy)[:, :-1] - schedule.thresholds[:-1])
        near = np.array([distance[n, : exit + 1].min(initial=1) < CLOSE for n, exit in enumerate(theirs.exits)])
        print(f"{bundle.path.name}, budget {schedule.budget:.3f}: {near.sum()} of {len(inputs)} near a threshold")
        assert near.sum() <= 5
        for n in np.flatnonzero(~near):
            assert ours[n].exit == theirs.exits[n]
            assert ours[n].label == theirs.labels[n]
    assert len({result.exit for result in ours}) > 1, "the test says nothing if all samples leave at one exit"


@needs_openvino
def test_openvino_takes_batches(bundle: TrainedBundle) -> None:
    """Every sample leaves at its own exit; batch sizes go up and down, and each run sees its own input."""
    openvino = eenet_rt.load(bundle.path, providers=["openvino"])
    logits = every_logit(openvino, bundle.inputs[:48])
    for start, size in ((0, 7), (7, 16), (23, 1), (24, 16), (40, 8)):
        inputs = bundle.inputs[start : start + size]
        results = openvino.infer_batch(inputs, return_outputs=True)
        for n, exit in enumerate(results.exits):
            assert np.abs(results.logits[n, : exit + 1] - logits[start + n, : exit + 1]).max() < USUAL
            assert np.isnan(results.logits[n, exit + 1 :]).all()


@needs_openvino
def test_features_may_go_through_host_memory(tiny: TrainedBundle) -> None:
    """They stay in the device's memory unless it is told otherwise; OpenVINO has such memory for a processor, too."""
    inputs = tiny.inputs[:40]
    device, host = (
        eenet_rt.load(tiny.path, providers=[("openvino", {"device_memory": place})]) for place in ("1", "0")
    )
    assert np.array_equal(every_logit(device, inputs), every_logit(host, inputs))
    for size in (40, 9, 40, 1):
        ours, theirs = (runtime.infer_batch(inputs[:size], return_outputs=True) for runtime in (device, host))
        assert ours.exits.tolist() == theirs.exits.tolist()
        assert np.nanmax(np.abs(ours.logits - theirs.logits)) < USUAL
        assert size == 1 or len(set(ours.exits)) > 1


@needs_openvino
def test_openvino_counts_statistics(tiny: TrainedBundle) -> None:
    runtime = eenet_rt.load(tiny.path, providers=["openvino"], cost_profile=[1.0, 2.0, 3.0])
    exits = [runtime.infer(x).exit for x in tiny.inputs[:50]]
    stats = runtime.stats()
    assert stats.count == 50
    assert list(stats.exits) == np.bincount(exits, minlength=3).tolist()
    assert stats.mean_cost == pytest.approx(np.mean(exits) + 1)


@needs_openvino
def test_openvino_for_several_callers(tiny: TrainedBundle) -> None:
    runtime = eenet_rt.load(tiny.path, providers=["openvino"])
    inputs = tiny.inputs[:60]

    def work() -> list[int]:
        return [runtime.infer(x).exit for x in inputs] + runtime.infer_batch(inputs).exits.tolist()

    expected = work()
    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(work) for _ in range(4)]
    assert [caller.result() for caller in callers] == [expected] * 4


@needs_openvino
def test_openvino_may_be_asked_for_less_precision(tiny: TrainedBundle) -> None:
    config = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}})
    inputs = tiny.inputs[:20]
    half = every_logit(eenet_rt.load(tiny.path, providers=[("openvino", {"load_config": config})]), inputs)
    whole = every_logit(eenet_rt.load(tiny.path, providers=["openvino"]), inputs)
    if "avx512_bf16" in Path("/proc/cpuinfo").read_text():
        assert np.abs(half - whole).max() > 1e-3
    assert np.abs(half - whole).max() < 1


@needs_openvino
def test_cpu_and_openvino_in_one_process_keep_apart(tiny: TrainedBundle) -> None:
    names = ["cpu", "openvino", "cpu", "openvino"]
    runtimes = [eenet_rt.load(tiny.path, providers=[name]) for name in names]
    logits = [every_logit(runtime, tiny.inputs[:5]) for runtime in runtimes]
    assert np.array_equal(logits[0], logits[2])
    assert np.array_equal(logits[1], logits[3])
    plugin = version("onnxruntime-ep-openvino")
    assert [f"openvino {plugin}" in runtime.provider_version for runtime in runtimes] == [False, True, False, True]
    assert all("onnxruntime 1." in runtime.provider_version for runtime in runtimes)


# --- names ---


def test_default_is_the_cpu(tiny: TrainedBundle) -> None:
    assert eenet_rt.load(tiny.path).provider == "cpu"


def test_providers_that_are_here() -> None:
    here = eenet_rt.providers()
    assert list(here) == ["cpu", "openvino"]
    assert set(here) <= set(eenet_rt.provider_names())
    assert here["cpu"]["official_name"] == "CPUExecutionProvider"
    assert here["openvino"]["official_name"] == "OpenVINOExecutionProvider"
    for entry in here.values():
        assert Path(entry["library"]).is_file()
        assert (entry["backend"], entry["version"]) == ("onnxruntime", version("onnxruntime"))


def test_the_device_is_where_a_provider_computes() -> None:
    assert eenet_rt.device_name() == eenet_rt.device_name("cpu") == eenet_rt.device_name(provider="openvino")
    for name in eenet_rt.provider_names()[2:]:
        assert eenet_rt.device_name(name).startswith(eenet_rt.device_name())
    with pytest.raises(eenet_rt.InputError, match="'cuda' came, one of cpu, "):
        eenet_rt.device_name("cuda")


def test_listing_providers_fixes_nothing(tiny: TrainedBundle) -> None:
    code = "import sys, eenet_rt; eenet_rt.providers(); print(eenet_rt.load(sys.argv[1], threads=2).threads)"
    assert python(code, str(tiny.path)) == "2\n"


def test_every_provider_has_one_name() -> None:
    names = [f"onnxruntime:{name}" for name in ("cuda", "tensorrt", "nv_tensorrt_rtx")]
    assert eenet_rt.provider_names() == ["cpu", "openvino", *names]
    for other in ("cuda", "CUDAExecutionProvider", "onnxruntime:cpu", "onnxruntime"):
        with pytest.raises(eenet_rt.InputError, match=f"providers: '{other}' came, one of cpu, .* expected"):
            eenet_rt.load(GOLDEN, providers=[other])


@pytest.mark.parametrize(
    ("providers", "words"),
    [
        (["fpga"], ("fpga", ", ".join(PROVIDERS))),
        ([], ("none came", "at least one")),
        ("cpu", ("str came", "list")),
        (None, ("NoneType came", "list")),
        ([7], ("providers[0]", "int came", "name")),
        ([("openvino",)], ("providers[0]", "tuple of 1")),
        ([("openvino", [])], ("providers[0]", "list came", "dictionary")),
        (["cpu", "cpu"], ("cpu", "twice")),
        (["cpu", "openvino"], ("openvino", "after 'cpu'", "last")),
        ([("openvino", {"nonsense": "1"})], ("openvino", "nonsense", "device_memory, device_type, load_config")),
        ([("openvino", {"num_of_threads": 1})], ("openvino", "num_of_threads", "device_type, load_config")),
        ([("cpu", {"arena": "1"})], ("cpu", "arena", "none expected")),
        ([("openvino", {"load_config": {}})], ("providers[0]", "load_config", "dict came", "str or int")),
        ([("openvino", {"load_config": True})], ("providers[0]", "load_config", "bool came", "str or int")),
        ([("openvino", {7: "1"})], ("providers[0]", "int came", "str")),
        ([("openvino", {"load_config": "{"})], ("load_config", "JSON")),
        ([("openvino", {"load_config": "[]"})], ("load_config", "array", "object")),
        ([("openvino", {"load_config": '{"CPU": 1}'})], ("load_config", "CPU", "number", "object")),
        ([("openvino", {"load_config": '{"GPU": {}}'})], ("load_config", "GPU", "CPU expected")),
        ([("openvino", {"device_type": "TPU"})], ("device_type", "TPU", "CPU, GPU or NPU")),
        ([("openvino", {"device_memory": "yes"})], ("device_memory", "yes", "0 or 1")),
        (["onnxruntime:cuda", ("openvino", {"device_memory": "1"})], ("openvino", "device_memory", "first provider")),
        ([("cpu", {"device_memory": "1"})], ("cpu", "device_memory", "none expected")),
    ],
)
def test_what_is_not_understood_is_refused(providers: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(eenet_rt.InputError) as caught:
        eenet_rt.load(GOLDEN, providers=providers)
    for word in words:
        assert word in str(caught.value)


@needs_openvino
def test_property_that_openvino_does_not_know(tiny: TrainedBundle) -> None:
    config = json.dumps({"CPU": {"NONSENSE": "1"}})
    with pytest.raises(eenet_rt.BackendError, match="Unsupported property NONSENSE"):
        eenet_rt.load(tiny.path, providers=[("openvino", {"load_config": config})])


# --- what is not here is an error, never another provider ---


@pytest.mark.parametrize("name", eenet_rt.provider_names()[2:])
def test_absent_provider(name: str) -> None:
    for providers in ([name], [name, "cpu"]):
        with pytest.raises(eenet_rt.BackendError, match=f"provider '{name}'.*pip install"):
            eenet_rt.load(GOLDEN, providers=providers)


def test_absent_device() -> None:
    with pytest.raises(eenet_rt.BackendError, match=r"a GPU expected.* (CPU|none) is here; .* of Intel alone"):
        eenet_rt.load(GOLDEN, providers=[("openvino", {"device_type": "GPU"})])


def test_cuda_graphs_are_refused() -> None:
    """They would run on the addresses and the batch size that they were captured with, whatever comes later."""
    with pytest.raises(eenet_rt.InputError, match=r"enable_cuda_graph.*batch size"):
        eenet_rt.load(GOLDEN, providers=[("onnxruntime:cuda", {"enable_cuda_graph": "1"})])


REFUSED = """
import sys, eenet_rt
print(*eenet_rt.providers())
try:
    eenet_rt.load(sys.argv[1], providers=["openvino"])
except eenet_rt.BackendError as error:
    print(error)
print(eenet_rt.load(sys.argv[1]).provider)
"""


def test_plugin_needs_a_newer_onnxruntime(tiny: TrainedBundle, oldest_onnxruntime: Path) -> None:
    here, error, after = python(REFUSED, str(tiny.path), EENET_ORT_LIB=str(oldest_onnxruntime)).splitlines()
    assert here == "cpu"
    assert error.startswith("provider 'openvino': ONNX Runtime 1.19.2 came from")
    assert "1.23 or newer expected" in error
    assert after == "cpu"


def test_without_the_plugin_package(tiny: TrainedBundle) -> None:
    hide = "import sys; sys.modules['onnxruntime_ep_openvino'] = None\n"
    code = hide + "from importlib import util; find = util.find_spec\n"
    code += "util.find_spec = lambda name: None if name == 'onnxruntime_ep_openvino' else find(name)\n"
    here, error, after = python(code + REFUSED, str(tiny.path)).splitlines()
    assert (here, after) == ("cpu", "cpu")
    assert error.startswith("provider 'openvino': its plug-in was not found")
    assert "pip install onnxruntime-ep-openvino" in error


@pytest.fixture
def half_supported(tiny: TrainedBundle, tmp_path: Path) -> Path:
    """The tiny network with two nodes that OpenVINO cannot run: the first exit's logits go through a sequence."""
    path = Path(shutil.copytree(tiny.path, tmp_path / "tiny.eenet"))
    model = onnx.load(path / "segment_0.onnx")
    (producer,) = (node for node in model.graph.node if "logits_0" in node.output)
    producer.output[0] = "inner"
    model.graph.node.append(onnx.helper.make_node("SequenceConstruct", ["inner"], ["sequence"]))
    model.graph.node.append(onnx.helper.make_node("ConcatFromSequence", ["sequence"], ["logits_0"], axis=0))
    onnx.save(model, path / "segment_0.onnx")
    list_files(path, "segment_0.onnx")
    edit_manifest(path, _become_another_network)
    return path


def _become_another_network(manifest: dict[str, Any]) -> None:
    hashes = "".join(manifest["files"][f"segment_{k}.onnx"]["sha256"] + "\n" for k in range(3))
    manifest["id"] = hashlib.sha256(hashes.encode()).hexdigest()
    del manifest["files"]["scheduler.safetensors"]


@needs_openvino
def test_what_a_provider_cannot_run_does_not_go_to_the_cpu_unasked(half_supported: Path, tiny: TrainedBundle) -> None:
    with pytest.raises(eenet_rt.BackendError, match=r"segment_0\.onnx.*CPU"):
        eenet_rt.load(half_supported, providers=["openvino"])
    inputs = tiny.inputs[:20]
    both = eenet_rt.load(half_supported, providers=["openvino", "cpu"])
    assert both.provider == "openvino"
    assert np.abs(every_logit(both, inputs) - tiny.report.logits[:20]).max() < USUAL


# --- profiles ---


@pytest.mark.filterwarnings("default::eenet_rt.ProfileWarning")
@needs_openvino
def test_costs_of_the_cpu_are_not_those_of_openvino(spare: Path) -> None:
    assert eenet_rt.load(spare).profile is not None
    with pytest.warns(eenet_rt.ProfileWarning, match="provider"):
        runtime = eenet_rt.load(spare, providers=["openvino"])
    assert runtime.profile is None
    with pytest.raises(eenet_rt.BudgetError):
        runtime.set_budget(1.0)


@needs_openvino
def test_refitting_for_openvino(spare: Path) -> None:
    options = RefitOptions((1.5,), costs=(1.0, 2.0, 3.0), profile=ProfileOptions(provider="openvino"))
    refit_bundle(spare, None, options, print)
    runtime = eenet_rt.load(spare, budget=1.5, providers=["openvino"])
    assert runtime.profile is not None
    assert (runtime.profile["provider"], list(runtime.profile["costs"])) == ("openvino", [1.0, 2.0, 3.0])
    cpu = eenet_rt.load(spare)
    assert cpu.profile is not None
    assert cpu.profile["provider"] == "cpu"


@needs_openvino
def test_measuring_openvino(tiny: TrainedBundle) -> None:
    inputs = {"image": tiny.inputs[:4]}
    profile = measure(tiny.path, inputs, ProfileOptions(repeats=5, provider="openvino"))
    assert profile.provider == "openvino"
    assert len(profile.costs) == 3
    assert list(profile.costs) == sorted(profile.costs)
    with pytest.raises(UserError, match="provider 'onnxruntime:cuda'"):
        measure(tiny.path, inputs, ProfileOptions(repeats=5, provider="onnxruntime:cuda"))


# --- hand-offs ---


@needs_openvino
def test_openvino_hands_on_and_resumes(tiny: TrainedBundle, tmp_path: Path) -> None:
    """Features come to the host, and from there into the device's memory, as they are."""
    eenet_rt.slice_bundle(tiny.path, 0, 1, tmp_path / "head.eenet")
    eenet_rt.slice_bundle(tiny.path, 1, 3, tmp_path / "tail.eenet")
    whole = eenet_rt.load(tiny.path, providers=["openvino"])
    head, tail = (eenet_rt.load(tmp_path / f"{part}.eenet", providers=["openvino"]) for part in ("head", "tail"))
    handed_on = 0
    for x in tiny.inputs[:40]:
        first, expected = head.infer(x), whole.infer(x, return_outputs=True)
        if first.complete:
            continue
        handed_on += 1
        for second in (whole, tail):
            result = second.resume(first.handoff, return_outputs=True)
            assert (result.exit, result.label) == (expected.exit, expected.label)
            assert np.array_equal(result.logits, expected.logits)
    assert handed_on > 5
