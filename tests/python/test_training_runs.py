"""From a folder of images to a network: what eenet-train takes, refuses, warns of and goes on from."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from eenet.checkpoint import load_checkpoint
from eenet.cli.train import main
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.models import create_model
from eenet.models.code import load_builder
from eenet.preprocessing import ImagePreprocessing
from eenet.tasks.registry import load_predictions
from eenet.training import SuitedSettings, Trainer, TrainingConfig
from eenet.training.start import read_start, started_network
from eenet.training.state import code_identity
from eenet.weights import read_tensors, save_tensors
from support.photos import pattern, write_folder

CONFIG = TrainingConfig(epochs=2, batch_size=20, trunk_share=0.0, precision="float32")
QUICK = ["--model", "tiny", "--epochs", "2", "--batch-size", "16", "--precision", "float32", "--threads", "1"]


def trainer(folder: Path, config: TrainingConfig = CONFIG, dropout: bool = False) -> Trainer:
    torch.manual_seed(config.seed)
    network = create_model("tiny", 3)
    if dropout:
        network.parts[2].append(nn.Dropout(0.5))
    images = pattern(140, 3)
    return Trainer(network, images[:100], images[100:], ImagePreprocessing.fit(images.images), config, folder)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("step", [2, 5, 8])
def test_a_kill_within_an_epoch_changes_no_weight(tmp_path: Path, step: int) -> None:
    config = dataclasses.replace(CONFIG, averaging=0.9)
    whole = trainer(tmp_path / "whole", config, dropout=True)
    whole.fit()
    killed = trainer(tmp_path / "killed", config, dropout=True)
    killed.store_every_s = 0
    steps, advance = [0], killed._schedule.step

    def stop() -> None:
        advance()
        steps[0] += 1
        if steps[0] == step:
            raise KeyboardInterrupt

    killed._schedule.step = stop
    with pytest.raises(KeyboardInterrupt):
        killed.fit()
    resumed = trainer(tmp_path / "killed", config, dropout=True)
    resumed._restore()
    assert (resumed.position.epoch, resumed.position.step) == divmod(step - 1, 5)
    resumed.fit()
    assert same(whole.network, resumed.network)
    assert same(whole.result, resumed.result)
    logs = [
        [{**json.loads(line), "s": 0} for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("whole", "killed")
    ]
    assert logs[0] == logs[1]


def test_a_loss_that_is_no_number_keeps_the_last_good_state(tmp_path: Path) -> None:
    hot = dataclasses.replace(CONFIG, epochs=2, learning_rate=1e30, warmup=0.01)
    with pytest.raises(UserError, match=r"epoch 1, step [1-5]: the loss is (nan|inf); start anew in another folder"):
        trainer(tmp_path / "hot", hot).fit()
    assert not (tmp_path / "hot" / "state.safetensors").exists()
    late = trainer(tmp_path / "late")
    store = late._store

    def spoil() -> None:
        store()
        with torch.no_grad():
            next(late.network.parameters()).fill_(float("nan"))

    late._store = spoil
    kept = r"the loss is nan; the last good state is kept in .*state\.safetensors; start anew"
    with pytest.raises(UserError, match=r"epoch 2, step 1: " + kept):
        late.fit()
    tensors, _ = read_tensors(tmp_path / "late" / "state.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values() if tensor.is_floating_point())
    with pytest.raises(UserError, match="is not finite"):
        late._store()


def run(data: Path, out: Path, *more: str) -> int:
    return main([*QUICK, "--data", str(data), "--out", str(out), *more])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 images of 40 pixels in three folders, one of which cannot be read."""
    folder = write_folder(pattern(120, 3, size=40), tmp_path_factory.mktemp("photos"))
    (folder / "class_1" / "broken.png").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on them."""
    out = tmp_path_factory.mktemp("run")
    assert run(photos, out, "--validation-size", "30%") == 0
    return out


def test_folder_to_checkpoint(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = write_folder(pattern(30, 3, size=50, seed=1), tmp_path / "test")
    (test / "class_1").rename(test / "ignored")  # two classes of three, in other places
    (test / "ignored").rename(test / "class_1")
    assert run(photos, tmp_path / "run", "--test", str(test), "--validation-size", "0.25") == 0
    captured = capsys.readouterr()
    assert "eenet-train: warning: " in captured.err
    assert "1 of 121 images cannot be read and is left out:\n  class_1/broken.png" in captured.err
    lines = captured.out.splitlines()
    assert lines[0] == f"{photos}: 120 images in 3 classes"
    assert lines[1].startswith("train tiny (3 exits) on 90 images of 32 x 32 in 3 classes, 30 for validation: 2 epochs")
    assert lines[-1].endswith(
        f"next: eenet-export --model tiny --checkpoint {tmp_path / 'run' / 'weights.safetensors'}"
    )
    checkpoint = load_checkpoint(tmp_path / "run" / "weights.safetensors")
    assert checkpoint.class_names == ("class_0", "class_1", "class_2")
    assert (checkpoint.preprocessing.size, checkpoint.preprocessing.resize) == ((32, 32), True)
    validation = load_predictions(tmp_path / "run" / "validation.npz")
    assert np.bincount(validation.labels).tolist() == [10, 10, 10]
    # Which image of the folder each row is: 40 a class, in order.
    assert np.array_equal(validation.labels, validation.index // 40)
    assert len(load_predictions(tmp_path / "run" / "test.npz")) == 30


def test_other_size_and_own_validation_images(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = write_folder(pattern(30, 3, size=60, seed=2), tmp_path / "own")
    assert run(photos, tmp_path / "run", "--image-size", "24", "40", "--validation", str(own)) == 0
    out = capsys.readouterr().out
    cut = "40 % of the pixels are cut off on average: images are scaled to cover 24 x 40 and cropped at the centre"
    assert cut in out
    assert "on 120 images of 24 x 40 in 3 classes, 30 for validation" in out
    assert load_checkpoint(tmp_path / "run" / "weights.safetensors").preprocessing.size == (24, 40)
    assert run(photos, tmp_path / "small", "--image-size", "32", "--model", "resnet56", "--heads", "mlp") == 0
    assert run(photos, tmp_path / "other", "--image-size", "24", "--model", "resnet56", "--heads", "mlp") == 2
    assert "--image-size: resnet56 does not take images of 24 x 24: " in capsys.readouterr().err


def test_resuming_what_is_another_run(
    photos: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = (trained / "state.safetensors").read_bytes()

    def refused(*arguments: str, data: Path = photos) -> str:
        capsys.readouterr()
        assert main([*QUICK, "--data", str(data), "--out", str(trained), "--validation-size", "30%", *arguments]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"eenet-train: error: {trained / 'state.safetensors'} is the state of another run: ")
        assert error.endswith("; give the same settings or another folder")
        return error

    assert "another run: learning_rate 0.025 there, 0.5 here; give" in refused("--learning-rate", "0.5")
    assert 'another run: model "tiny" there, "resnet56" here; ' in refused("--model", "resnet56")
    # `--validation-size` comes again: the last one holds.
    assert 'training images "84 with digest' in refused("--validation-size", "20%")
    images = pattern(120, 3, size=40)
    renamed = dataclasses.replace(images, class_names=("class_0", "class_1", "zebra"))
    error = refused(data=write_folder(renamed, tmp_path / "renamed"))
    assert "classes ['class_0', 'class_1', 'class_2'] there, ['class_0', 'class_1', 'zebra'] here" in error
    images.images[0, 0, 0, 0] ^= 255
    error = refused(data=write_folder(images, tmp_path / "changed"))
    assert "images " in error
    assert "classes" not in error
    assert (trained / "state.safetensors").read_bytes() == state


def test_resuming_a_finished_run_writes_the_same(photos: Path, trained: Path) -> None:
    before = (trained / "weights.safetensors").read_bytes()
    log = (trained / "log.jsonl").read_text()
    # As of a run that was killed before it stored the state of the epoch.
    (trained / "log.jsonl").write_text(log + json.dumps({"epoch": 99}) + "\n")
    assert run(photos, trained, "--validation-size", "30%") == 0
    assert (trained / "weights.safetensors").read_bytes() == before
    assert (trained / "log.jsonl").read_text() == log


def test_a_log_without_a_state_is_begun_anew(photos: Path, trained: Path, tmp_path: Path) -> None:
    """As of a run that was killed before it stored the state of its first epoch."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").write_text(json.dumps({"epoch": 1}) + "\n")
    assert run(photos, tmp_path / "run", "--validation-size", "30%") == 0
    whole, again = (
        [{**json.loads(line), "s": 0} for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (trained, tmp_path / "run")
    )
    assert again == whole


def test_a_torn_log_does_not_stand_in_the_way(
    photos: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    log = (folder / "log.jsonl").read_bytes()
    first, last = log.splitlines(keepends=True)
    # A line may also be whole but for its end.
    for torn, lines in ((log + b'{"epoch": 3, "lo', [3]), (first + b"\xff[]\n[]\n{}\n" + last[:-1], [2, 3, 4])):
        (folder / "log.jsonl").write_bytes(torn)
        capsys.readouterr()
        assert run(photos, folder, "--validation-size", "30%") == 0
        assert (folder / "log.jsonl").read_bytes() == log
        error = capsys.readouterr().err
        for i in lines:
            assert f"eenet-train: warning: {folder / 'log.jsonl'}: line {i} cannot be read and is left out\n" in error


def test_other_code_is_another_network(tmp_path: Path) -> None:
    assert code_identity(nn.Dropout(0.2)) != code_identity(nn.Dropout(0.7))
    code = "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return {}\n"
    made = []
    for name, body in (("one", "x"), ("other", "x + 1"), ("again", "x")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.py").write_text(code.format(body))
        made.append(code_identity(load_builder(f"{tmp_path / name / 'net.py'}:Net")()))
    assert made[0] == made[2] != made[1]


def test_old_and_damaged_states(
    photos: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors, metadata = read_tensors(trained / "state.safetensors")
    fewer = {name: tensor for name, tensor in tensors.items() if name != "momentum.parts.0.0.weight"}
    entry = json.loads(metadata["eenet_training"])
    altered = "damaged: its contents are not those that were written"
    for content, header, message in (
        (tensors, {}, "a state of version 1 came, 3 expected"),
        (tensors, {"eenet_training": "{"}, "malformed: JSONDecodeError"),
        (tensors, {"eenet_training": "[]"}, "malformed: TypeError"),
        (tensors, {"eenet_training": json.dumps({**entry, "position": {"epoch": 1, "x": 2}})}, "malformed: TypeError"),
        *(
            (tensors, {"eenet_training": json.dumps({**entry, "position": {**entry["position"], **changed}})}, altered)
            for changed in ({"epoch": 99}, {"epoch": -1}, {"step": 10**5}, {"epoch": 0.5})
        ),
        ({**tensors, "random": tensors["random"] ^ 1}, metadata, altered),
        (fewer, metadata, "damaged: lacks 'momentum.parts.0.0.weight'"),
        ({**tensors, "more": torch.zeros(1)}, metadata, "damaged: has unexpected 'more'"),
    ):
        save_tensors(tmp_path / "state.safetensors", content, header)
        capsys.readouterr()
        assert run(photos, tmp_path, "--validation-size", "30%") == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert f"{tmp_path / 'state.safetensors'}: {message}" in error


def test_start_with_other_classes(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_folder(pattern(60, 2), tmp_path / "data")
    weights = str(trained / "weights.safetensors")
    assert run(data, tmp_path / "run", "--start", weights, "--epochs", "1", "--learning-rate", "1e-9") == 0
    out = capsys.readouterr().out
    assert f"start: 18 of 24 tensors from {weights}" in out
    assert "the last layers of all exits are new, for 2 classes (its 3 classes are others): 'exits.0.2.bias'" in out
    before, after = (load_checkpoint(path / "weights.safetensors") for path in (trained, tmp_path / "run"))
    assert torch.allclose(before.network.parts[0][0].weight, after.network.parts[0][0].weight, atol=1e-6)
    assert after.network.exits[0][2].weight.shape[0] == 2
    assert after.preprocessing == before.preprocessing
    # As many classes of other names have new last layers, too.
    renamed = dataclasses.replace(pattern(60, 3), class_names=tuple("abc"))
    data = write_folder(renamed, tmp_path / "renamed")
    assert run(data, tmp_path / "run2", "--start", weights, "--epochs", "1") == 0
    assert "start: 18 of 24 tensors" in capsys.readouterr().out


def test_start_from_files_of_others(
    trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = load_checkpoint(trained / "weights.safetensors").network.state_dict()
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "w.pt")
    trunk = {name: tensor for name, tensor in state.items() if name.startswith("parts")}
    safetensors.torch.save_file({**trunk, "fc.weight": torch.zeros(3)}, tmp_path / "trunk.safetensors")
    once = ("--epochs", "1")
    assert run(photos, tmp_path / "a", "--start", str(tmp_path / "w.pt"), *once) == 0
    assert "does not name its 3 classes: taken to be the data's, in order" in capsys.readouterr().out
    assert run(photos, tmp_path / "b", "--start", str(tmp_path / "trunk.safetensors"), *once) == 0
    out = capsys.readouterr().out
    assert "the last layers of all exits are new, for 3 classes: 'exits.0.2.bias'" in out
    assert "not used: 'fc.weight'" in out
    assert run(photos, tmp_path / "c", "--start", str(trained / "state.safetensors"), *once) == 0
    assert "start: 24 of 24 tensors" in capsys.readouterr().out
    for name, model, message in (
        ("trunk.safetensors", "resnet56", "has 0 % of the weights of resnet56, expected at least 50 %"),
        ("w.pt", "densenet121", "has 0 % of the weights of densenet121"),
    ):
        assert run(photos, tmp_path / "d", "--start", str(tmp_path / name), "--model", model) == 2
        assert message in capsys.readouterr().err
    assert run(photos, tmp_path / "d", "--start", str(trained / "weights.safetensors"), "--model", "resnet56") == 2
    assert "weights.safetensors holds tiny, expected resnet56" in capsys.readouterr().err
    other = {**state, "parts.0.0.weight": torch.zeros(8, 3, 3, 3)}
    safetensors.torch.save_file(other, tmp_path / "other.safetensors")
    assert run(photos, tmp_path / "d", "--start", str(tmp_path / "other.safetensors")) == 2
    assert "does not fit tiny: 'parts.0.0.weight (8, 3, 3, 3) instead of (12, 3, 3, 3)'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "nope"])
def test_a_start_that_is_nothing(name: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photos, tmp_path, "--start", name) == 2
    assert f"--start: {name!r} is no file, and no network that ships: those are " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["resnet56", "zoo:resnet56"])
def test_start_from_weights_that_ship(
    name: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--start", name, "--model", "resnet56", "--epochs", "1", "--batch-size", "40"]
    assert run(photos, tmp_path, *arguments) == 0
    out = capsys.readouterr().out
    assert f"tensors from {name}" in out
    assert "new, for 3 classes (its 10 classes are others)" in out
    assert "learning rate 0.015625" in out


def test_start_with_other_heads() -> None:
    start = read_start("resnet56")
    network, told = started_network(start, "resnet56", start.class_names or (), {"heads": "strided"})
    assert network.options["heads"] == "strided"
    state = network.state_dict()
    assert torch.equal(state["stages.1.0.conv1.weight"], start.tensors["stages.1.0.conv1.weight"])
    assert torch.equal(state["classifier.2.weight"], start.tensors["classifier.2.weight"])
    assert state["exits.1.0.weight"].shape == (32, 32, 3, 3)
    # The same shape in both, but within a head that is another one.
    assert not torch.equal(state["exits.1.0.weight"], start.tensors["exits.1.0.weight"])
    assert "start: the heads of exits 0, 1 are new: resnet56 has others" in told
    assert not any("last layers" in line for line in told)


def test_sorted_data_are_no_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = pattern(160, 4)
    images[np.argsort(images.labels, kind="stable")].save(tmp_path / "sorted.npz")
    assert run(tmp_path / "sorted.npz", tmp_path / "run", "--validation-size", "60") == 0
    assert np.bincount(load_predictions(tmp_path / "run" / "validation.npz").labels).tolist() == [15] * 4
    capsys.readouterr()
    assert run(tmp_path / "sorted.npz", tmp_path / "tail", "--validation-size", "60", "--split", "tail") == 2
    assert "training set: no image of 'class_3', expected some of every class" in capsys.readouterr().err


def test_a_test_set_of_other_classes_is_refused_before_training(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = write_folder(dataclasses.replace(pattern(9, 3), class_names=("class_0", "dog", "cat")), tmp_path / "test")
    assert run(photos, tmp_path / "run", "--test", str(test)) == 2
    assert f"{test}: classes 'cat', 'dog' came, expected some of 'class_0'" in capsys.readouterr().err
    assert list((tmp_path / "run").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(photos, tmp_path / "file") == 2
    captured = capsys.readouterr()
    assert "file" in captured.err
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_images_of_noise_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    noise = ImageSet(random.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8), np.arange(300) % 3, tuple("abc"))
    noise.save(tmp_path / "noise.npz")
    assert run(tmp_path / "noise.npz", tmp_path / "run", "--test", str(tmp_path / "noise.npz")) == 0
    error = capsys.readouterr().err
    assert "test set: 300 of 300 images have the same pixels" not in error
    assert "test set: 240 of 300 images have the same pixels as a training image" in error
    assert f"{tmp_path / 'run' / 'validation.npz'}: accuracy at chance, as far as " in error


def test_one_step_is_a_run_too(tmp_path: Path) -> None:
    for batch_size in (20, 100):
        made = trainer(tmp_path / str(batch_size), dataclasses.replace(CONFIG, epochs=1, batch_size=batch_size))
        made.fit()
        assert made.position.epoch == 1


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (24, (200, 16, 0.025)),
        (400, (120, 16, 0.025)),
        (1600, (30, 64, 0.1)),
        (45_000, (30, 128, 0.2)),
        (1_000_000, (30, 128, 0.2)),
        (3, (200, 3, 0.2 * 3 / 128)),
    ],
)
def test_settings_by_number_of_images(images: int, expected: tuple[int, int, float]) -> None:
    suited = SuitedSettings.of(images)
    assert (suited.epochs, suited.batch_size) == expected[:2]
    assert suited.learning_rate == pytest.approx(expected[2])
    started = SuitedSettings.of(images, started=True)
    assert started.learning_rate == pytest.approx(expected[2] / 4)
    assert started.trunk_share == 0
    assert SuitedSettings.of(images, batch_size=64).learning_rate == pytest.approx(0.1)
