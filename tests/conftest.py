"""Real inputs and bundles that several tests share."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import eenet_rt
from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.data import ImageSet, load_images
from eenet.policies import save_schedules
from eenet.policies.grid import fit_schedules
from eenet.preprocessing import ImagePreprocessing
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.training import Trainer, TrainingConfig, predict
from eenet.workflows.profile import ProfileOptions
from eenet.zoo import zoo_folder
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions

sys.path.insert(0, str(Path(__file__).parent))
import support.tiny
from support.bundles import edit_manifest, list_files
from support.exporter import keep_translations
from support.golden import GOLDEN
from support.interpreter import python
from support.once import made_once

# A shell has a job in the background ignore Ctrl-C, and so all it starts; some tests send one to a command.
signal.signal(signal.SIGINT, signal.default_int_handler)

keep_translations()

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # The other cores have tests of their own.

DATA = Path(__file__).parent / "data"
# The big data sets, which are not part of the repository. Tests that read them carry the marker `shared_data`.
SHARED = Path(os.environ.get("EENET_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@dataclass(frozen=True)
class TrainedBundle:
    """An exported bundle with what it was made from."""

    path: Path
    checkpoint: Checkpoint
    validation: ClassPredictions
    report: ClassPredictions
    report_images: ImageSet

    @property
    def inputs(self) -> np.ndarray:
        """Preprocessed report images, float32 (N, 3, H, W)."""
        return self.checkpoint.preprocessing(self.report_images.images)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what reads the big data sets where there are none."""
    if (SHARED / "data").is_dir():
        return
    reason = f"{SHARED / 'data'} is no folder: EENET_SHARED names the one that holds data/"
    for item in items:
        if item.get_closest_marker("shared_data"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def openvino() -> None:
    """Skips where OpenVINO's plug-in for ONNX Runtime has no device: it serves Intel's x86-64 alone."""
    try:
        # Elsewhere: the first load fixes threads and providers of a process.
        python("import eenet_rt, sys; eenet_rt.load(sys.argv[1], providers=['openvino'])", str(GOLDEN))
    except AssertionError as error:
        reason = str(error).splitlines()[-1]
        if not ("but of its devices none is here" in reason or platform.machine() != "x86_64"):
            raise
        pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the big data sets, for tests that carry the marker ``shared_data``."""
    return SHARED


@pytest.fixture(scope="session")
def cifar10() -> ImageSet:
    """8,000 test images of CIFAR-10, compressed. Tests that train do so on some of them and report on others."""
    return load_images(DATA / "cifar10.npz")


@pytest.fixture(scope="session")
def tiny_predictions() -> ClassPredictions:
    """200 samples of 3 exits and 4 classes, from noise."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(200, 3, 4)).astype(np.float32)
    return ClassPredictions(logits, random.integers(0, 4, 200), np.arange(200), tuple("abcd"))


@pytest.fixture(scope="session")
def trained_tiny(cifar10: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A network of 3 exits, trained for some seconds on 4,000 real images."""

    def make(folder: Path) -> None:
        torch.manual_seed(0)
        network = support.tiny.create()
        train, validation = cifar10[:4000], cifar10[4000:4250]
        preprocessing = ImagePreprocessing.fit(train.images)
        config = TrainingConfig(epochs=3, learning_rate=0.1, trunk_share=0, precision="float32")
        Trainer(network, train, validation, preprocessing, config, folder).fit()
        checkpoint = Checkpoint("tiny", network.eval(), cifar10.class_names, preprocessing)
        checkpoint.save(folder / "weights.safetensors")

    return load_checkpoint(made_once(tmp_path_factory, "trained_tiny", make) / "weights.safetensors")


@pytest.fixture(scope="session")
def tiny(trained_tiny: Checkpoint, cifar10: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> TrainedBundle:
    """The tiny network exported with EENet schedules of 2,000 images, and 2,000 others to report on."""
    held_out, report_images = cifar10[4000:6000], cifar10[6000:]

    def make(folder: Path) -> None:
        validation = predict(trained_tiny.network, held_out, trained_tiny.preprocessing)
        validation.save(folder / "validation.npz")
        predict(trained_tiny.network, report_images, trained_tiny.preprocessing).save(folder / "report.npz")
        options = ExportOptions(policy="eenet", combine="none", profile=ProfileOptions(repeats=60))
        export_bundle(trained_tiny, validation, report_images.images[:64], folder / "tiny.eenet", options, print)

    folder = made_once(tmp_path_factory, "tiny", make)
    validation, report = (load_predictions(folder / f"{name}.npz") for name in ("validation", "report"))
    return TrainedBundle(folder / "tiny.eenet", trained_tiny, validation, report, report_images)


def refitted(
    bundle: TrainedBundle, out: Path, policy: str, costs: Sequence[float], budgets: Sequence[float], unit: str
) -> Path:
    """A copy of a bundle with schedules of another policy or for other costs, fitted as ``eenet-export`` does."""
    shutil.copytree(bundle.path, out)
    path = out / "scheduler.safetensors"
    old = eenet_rt.read_schedules(str(path))
    schedules = list(fit_schedules(policy, bundle.validation, costs, budgets, unit=unit))
    save_schedules(path, schedules, network=old.network, active=min(old.active, len(schedules) - 1))
    list_files(out, path.name)
    return out


@pytest.fixture(scope="session")
def exported(tiny: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny network's bundle with schedules of a policy, fitted as ``eenet-export`` does, each made once."""
    folder, made = tmp_path_factory.mktemp("exported"), {"eenet": tiny.path}

    def export(policy: str) -> Path:
        if policy not in made:
            file = eenet_rt.read_schedules(str(tiny.path / "scheduler.safetensors"))
            costs, budgets = file.schedules[0].costs, [schedule.budget for schedule in file.schedules]
            made[policy] = refitted(tiny, folder / policy / "tiny.eenet", policy, costs, budgets, "ms")
        return made[policy]

    return export


@pytest.fixture
def spare(exported: Callable[[str], Path], tmp_path: Path) -> Path:
    """A bundle of its own, to replace or to spoil."""
    bundle = Path(shutil.copytree(exported("maximum"), tmp_path / "tiny.eenet"))
    # As if it had been measured on a quiet machine, or warnings would be among what is expected.
    edit_manifest(bundle, lambda manifest: manifest["profiles"][0].update(spread=1.0))
    return bundle


@pytest.fixture(scope="session")
def oldest_onnxruntime() -> Path:
    """The library of the oldest ONNX Runtime that is supported; ``make test`` installs it and says where."""
    folder = os.environ.get("EENET_TEST_ONNXRUNTIME_OLDEST")
    if folder is None:
        pytest.fail("EENET_TEST_ONNXRUNTIME_OLDEST is not set: run the tests with `make test`")
    return next(Path(folder).glob("onnxruntime/capi/libonnxruntime.so.*"))


def _zoo_bundle(model: str, options: ExportOptions, factory: pytest.TempPathFactory) -> TrainedBundle:
    zoo = zoo_folder(model)
    checkpoint = load_checkpoint(zoo / "weights.safetensors")
    validation = load_predictions(zoo / "validation.npz")
    report_images = load_images(zoo / "samples.npz")

    def make(folder: Path) -> None:
        predict(checkpoint.network, report_images, checkpoint.preprocessing).save(folder / "report.npz")
        export_bundle(checkpoint, validation, report_images.images[:64], folder / f"{model}.eenet", options, print)

    folder = made_once(factory, model, make)
    report = load_predictions(folder / "report.npz")
    return TrainedBundle(folder / f"{model}.eenet", checkpoint, validation, report, report_images)


@pytest.fixture(scope="session")
def densenet121(tmp_path_factory: pytest.TempPathFactory) -> TrainedBundle:
    """The shipped densenet121, its schedules in operations, so that they are the same on every machine."""
    options = ExportOptions(unit="flops", profile=ProfileOptions(repeats=20))
    return _zoo_bundle("densenet121", options, tmp_path_factory)


@pytest.fixture(scope="session")
def resnet56(tmp_path_factory: pytest.TempPathFactory) -> TrainedBundle:
    """The shipped resnet56, exported with its default settings."""
    return _zoo_bundle("resnet56", ExportOptions(profile=ProfileOptions(repeats=60)), tmp_path_factory)


@pytest.fixture(params=["tiny", "densenet121", "resnet56"])
def bundle(request: pytest.FixtureRequest) -> TrainedBundle:
    """Every exported bundle in turn."""
    bundle: TrainedBundle = request.getfixturevalue(request.param)
    return bundle
