"""Tensors of every dtype, as inputs, between segments and between machines: numpy's logits, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from support import handoffs, mixed
from support.bundles import edit_manifest
from support.policies import random_policy

pytestmark = pytest.mark.filterwarnings("ignore::eenet_rt.ProfileWarning")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed.write(tmp_path_factory.mktemp("mixed") / "mixed.eenet")


@pytest.fixture(scope="module")
def runtime(bundle: Path) -> eenet_rt.Runtime:
    return eenet_rt.load(bundle)


def samples_of(inputs: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    return [{name: array[row] for name, array in inputs.items()} for row in range(len(inputs["x"]))]


def test_one_sample(runtime: eenet_rt.Runtime) -> None:
    assert runtime.inputs == {"x": ("float16", (3,)), "tokens": ("int32", (3,)), "pixels": ("uint8", (5,))}
    inputs = mixed.inputs(20)
    for sample, expected in zip(samples_of(inputs), mixed.logits(**inputs), strict=True):
        result = runtime.infer(sample, forced_exit=1, return_outputs=True)
        assert np.array_equal(result.logits, expected)


def test_those_that_stay_of_a_batch(runtime: eenet_rt.Runtime) -> None:
    """Rows of three bytes move up in place of those that left."""
    inputs = mixed.inputs(mixed.MAX_BATCH, seed=1)
    expected = mixed.logits(**inputs)
    batch = runtime.infer_batch(inputs, policy=random_policy("linear", expected), return_outputs=True)
    assert 0 < np.count_nonzero(batch.exits == 0) < len(expected)
    for exit_, seen, logits in zip(batch.exits, batch.logits, expected, strict=True):
        assert np.array_equal(seen[: exit_ + 1], logits[: exit_ + 1])


@pytest.mark.parametrize("handoff_dtype", ["float32", "float16"])
def test_over_two_machines(bundle: Path, tmp_path: Path, handoff_dtype: str) -> None:
    for begin in (0, 1):
        eenet_rt.slice_bundle(bundle, begin, begin + 1, tmp_path / f"{begin}.eenet")
    first, second = (eenet_rt.load(tmp_path / f"{begin}.eenet") for begin in (0, 1))
    inputs = mixed.inputs(8, seed=2)
    for sample, expected in zip(samples_of(inputs), mixed.logits(**inputs), strict=True):
        handed = first.infer(sample, policy=None, handoff_dtype=handoff_dtype).handoff
        assert handed is not None
        live = {name: mixed.TENSORS[name].dtype for name in mixed.SPECS[1].inputs}
        assert {name: str(array.dtype) for name, array in handoffs.read(handed).tensors.items()} == live
        assert np.array_equal(second.resume(handed, policy=None, return_outputs=True).logits[-1], expected[1])


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("x", "float32"), ("x", "float64"), ("x", "int16"), ("tokens", "int64"), ("tokens", "uint32"), ("pixels", "int8")],
)
def test_nothing_is_converted(runtime: eenet_rt.Runtime, name: str, dtype: str) -> None:
    (sample,) = samples_of(mixed.inputs(1))
    message = f"^input '{name}': {dtype} came, {mixed.TENSORS[name].dtype} expected$"
    with pytest.raises(eenet_rt.InputError, match=message):
        runtime.infer({**sample, name: sample[name].astype(dtype)})


@pytest.mark.parametrize(("value", "said"), [(np.nan, "-?nan"), (-np.inf, "-inf")])
def test_half_precision_is_finite(runtime: eenet_rt.Runtime, value: float, said: str) -> None:
    inputs = mixed.inputs(4)
    inputs["x"][2, 1] = value
    with pytest.raises(eenet_rt.InputError, match=rf"^input 'x': {said} came at index \(2, 1\), finite"):
        runtime.infer_batch(inputs)
    inputs["x"][2, 1], inputs["tokens"][2] = 65504, 1  # the largest number of float16
    runtime.infer_batch(inputs)


def test_another_dtype_than_the_manifest_says(tmp_path: Path) -> None:
    path = mixed.write(tmp_path / "mixed.eenet")
    edit_manifest(path, lambda manifest: manifest["tensors"]["levels"].update(dtype="int32"))
    with pytest.raises(eenet_rt.BundleError, match=r"output 'levels': uint8 \[-1, 3\] came, int32 \[batch, 3\] exp"):
        eenet_rt.load(path)
