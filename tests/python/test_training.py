"""Training: the loss against hand-made numbers, seeds, resuming, the command."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.cli.train import main
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.models.resnet import MultiExitResNet, ResNetConfig
from eenet.preprocessing import ImagePreprocessing
from eenet.tasks.registry import load_predictions
from eenet.training import MultiExitLoss, Trainer, TrainingConfig
from eenet.training.samples import augment, predict
from support import tiny
from support.networks import TwoInputs

CONFIG = TrainingConfig(epochs=3, batch_size=100, trunk_share=0.4, distillation_share=0.34, precision="float32")


def train(cifar10: ImageSet, folder: Path, config: TrainingConfig = CONFIG, stop_after: int | None = None) -> Trainer:
    torch.manual_seed(config.seed)
    images = cifar10[:600]
    trainer = Trainer(tiny.create(), images[:500], images[500:], ImagePreprocessing.fit(images.images), config, folder)
    if stop_after is not None:
        trainer._log = lambda line, figures, left: _interrupt(line["epoch"] == stop_after)
    trainer.fit()
    return trainer


def _interrupt(now: bool) -> None:
    if now:
        raise KeyboardInterrupt


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_loss_by_hand() -> None:
    # Two exits, two classes, one sample of class 0: cross-entropies ln 2 and ln(1 + 1/e).
    logits = [torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]])]
    label = torch.tensor([0])
    early, last = math.log(2), math.log(1 + math.exp(-1))
    loss = MultiExitLoss(2, distillation=0.5, temperature=1.0)
    assert loss.weights == pytest.approx([1 / 3, 2 / 3])
    assert loss(logits, label, distil=False).item() == pytest.approx(early / 3 + 2 * last / 3, rel=1e-6)
    teacher = 1 / (1 + math.exp(-1))
    divergence = teacher * math.log(2 * teacher) + (1 - teacher) * math.log(2 * (1 - teacher))
    expected = early / 3 + 2 * last / 3 + 0.5 * divergence
    assert loss(logits, label, distil=True).item() == pytest.approx(expected, rel=1e-5)


def test_loss_with_a_teacher_by_hand() -> None:
    # A student that is undecided between two classes, a teacher with odds 3 : 1 at temperature 3.
    student, label = torch.zeros(1, 2), torch.tensor([0])
    teacher = torch.tensor([[3 * math.log(3), 0.0]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    loss = MultiExitLoss(1, teacher_share=0.3)
    expected = 0.7 * math.log(2) + 0.3 * 9 * divergence
    assert loss([student], label, distil=False, teacher=teacher).item() == pytest.approx(expected, rel=1e-5)


def test_full_heads_learn_in_full_and_leave_the_trunk_what_it_has_from_weights() -> None:
    torch.manual_seed(0)
    network = MultiExitResNet(ResNetConfig(depth=8)).train()
    x, labels = torch.randn(8, 3, 32, 32), torch.arange(8)

    def gradients(*, full_heads: bool) -> dict[str, torch.Tensor]:
        loss = MultiExitLoss(3, full_heads=full_heads)
        network.branch_gradients = tuple(loss.weights[:-1]) if full_heads else None
        network.zero_grad()
        loss(network(x), labels, distil=False).backward()
        return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}

    weighted, full = gradients(full_heads=False), gradients(full_heads=True)
    assert weighted.keys() == full.keys()
    for name, gradient in full.items():
        # Weights 1/6, 2/6, 3/6; the last head belongs to the trunk.
        factor = {"exits.0": 6, "exits.1": 3}.get(name[:7], 1)
        torch.testing.assert_close(gradient, factor * weighted[name], rtol=1e-3, atol=1e-5)


def test_full_heads_of_what_is_no_chain_are_refused(cifar10: ImageSet, tmp_path: Path) -> None:
    images, config = cifar10[:600], dataclasses.replace(CONFIG, full_heads=True)
    with pytest.raises(UserError, match="is no ChainNetwork"):
        Trainer(TwoInputs(), images[:500], images[500:], ImagePreprocessing.fit(images.images), config, tmp_path)


def test_distillation_leaves_the_teacher_alone() -> None:
    early, last = torch.zeros(1, 3, requires_grad=True), torch.tensor([[2.0, 0.0, 0.0]], requires_grad=True)
    loss = MultiExitLoss(2, distillation=1.0)
    difference = loss([early, last], torch.tensor([0]), distil=True) - loss(
        [early, last], torch.tensor([0]), distil=False
    )
    difference.backward()
    assert early.grad is not None
    assert early.grad.abs().sum() > 0
    assert last.grad is not None
    assert torch.all(last.grad == 0)


def test_augmentation_makes_every_crop_and_flip() -> None:
    image = np.arange(1, 91, dtype=np.uint8).reshape(6, 5, 3)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
    crops = [padded[row : row + 6, column : column + 5] for row in range(5) for column in range(5)]
    expected = {crop[:, ::step].tobytes() for crop in crops for step in (1, -1)}
    made = augment(np.repeat(image[None], 2000, axis=0), 2, np.random.default_rng(0))
    assert made.shape == (2000, 6, 5, 3)
    assert {crop.tobytes() for crop in made} == expected


def test_same_seed_same_weights(cifar10: ImageSet, tmp_path: Path) -> None:
    first, second = train(cifar10, tmp_path / "a"), train(cifar10, tmp_path / "b")
    assert same_weights(first.network, second.network)


def test_interrupted_run_ends_with_the_same_weights(cifar10: ImageSet, tmp_path: Path) -> None:
    whole = train(cifar10, tmp_path / "whole")
    for epoch in (1, 2):
        folder = tmp_path / f"stopped_{epoch}"
        with pytest.raises(KeyboardInterrupt):
            train(cifar10, folder, stop_after=epoch)
        resumed = train(cifar10, folder)
        assert same_weights(whole.network, resumed.network)


def test_accuracies_of_the_log_are_of_the_network_to_a_hundredth_of_a_point(cifar10: ImageSet, tmp_path: Path) -> None:
    images = cifar10[:630]
    made = Trainer(tiny.create(), images[:500], images[500:], ImagePreprocessing.fit(images.images), CONFIG, tmp_path)
    said = predict(made.network, made.validation, made.preprocessing)
    right = said.qualities().sum(axis=0)
    assert said.exit_figures() == [round(count / 130, 4) for count in right.tolist()]
    assert any(round(count / 130, 4) != round(count / 130, 3) for count in right.tolist())


def test_averaged_weights_are_kept_and_resumed(cifar10: ImageSet, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, averaging=0.9)
    plain, whole = train(cifar10, tmp_path / "plain"), train(cifar10, tmp_path / "whole", config)
    assert same_weights(plain.network, whole.network)
    assert not same_weights(whole.network, whole.result)
    with pytest.raises(KeyboardInterrupt):
        train(cifar10, tmp_path / "stopped", config, stop_after=2)
    assert same_weights(whole.result, train(cifar10, tmp_path / "stopped", config).result)


def test_average_is_the_recurrence_with_a_decay_that_grows(cifar10: ImageSet, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, epochs=1, batch_size=250, averaging=0.75)
    trainer = train(cifar10, tmp_path / "one", config)
    torch.manual_seed(config.seed)
    name = "parts.0.0.weight"
    # Two steps: the average starts at the weights after the first one.
    first = _weights_after_one_step(cifar10, tmp_path / "half", config)[name]
    last = trainer.network.state_dict()[name]
    decay = (1 + 1) / (10 + 1)
    assert torch.allclose(trainer.result.state_dict()[name], decay * first + (1 - decay) * last, atol=1e-7)


def _weights_after_one_step(cifar10: ImageSet, folder: Path, config: TrainingConfig) -> dict[str, torch.Tensor]:
    class Stop(Exception):  # noqa: N818
        pass

    torch.manual_seed(config.seed)
    images = cifar10[:600]
    trainer = Trainer(tiny.create(), images[:500], images[500:], ImagePreprocessing.fit(images.images), config, folder)
    step = trainer._schedule.step

    def stop() -> None:
        step()
        raise Stop

    trainer._schedule.step = stop
    with pytest.raises(Stop):
        trainer.fit()
    return {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}


def test_teacher_is_imitated_and_left_alone(cifar10: ImageSet, tmp_path: Path) -> None:
    images = cifar10[:600]
    preprocessing = ImagePreprocessing.fit(images.images)
    torch.manual_seed(1)
    teacher = Checkpoint("tiny", tiny.create().eval(), images.class_names, preprocessing)
    before = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    config = dataclasses.replace(CONFIG, epochs=6, trunk_share=0.0, teacher_share=1.0)
    torch.manual_seed(0)
    trainer = Trainer(tiny.create(), images[:500], images[500:], preprocessing, config, tmp_path, teacher)
    x = torch.from_numpy(preprocessing(images.images[500:]))

    def distance() -> float:
        with torch.inference_mode():
            student, taught = trainer.network.eval()(x)[-1], teacher.network.run_last(x)
        return float((student.log_softmax(1) - taught.log_softmax(1)).abs().mean())

    start = distance()
    trainer.fit()
    assert distance() < start
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.network.state_dict().items())


def test_teacher_of_other_classes_is_refused(cifar10: ImageSet, tmp_path: Path) -> None:
    preprocessing = ImagePreprocessing.fit(cifar10.images[:100])
    teacher = Checkpoint("tiny", tiny.create(), tuple("abcdefghij"), preprocessing)
    with pytest.raises(UserError, match=r"teacher: its classes are a, b, c, d, e, \.\.\. \(10\), those of"):
        Trainer(tiny.create(), cifar10[:500], cifar10[500:600], preprocessing, CONFIG, tmp_path, teacher)


def test_resuming_with_other_settings_is_refused(cifar10: ImageSet, tmp_path: Path) -> None:
    train(cifar10, tmp_path)
    with pytest.raises(UserError, match="same settings or another folder"):
        train(cifar10, tmp_path, TrainingConfig(epochs=4, batch_size=100, precision="float32"))


def test_a_run_goes_on_on_another_device(cifar10: ImageSet, tmp_path: Path) -> None:
    whole = train(cifar10, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(cifar10, tmp_path / "cut", dataclasses.replace(CONFIG, device="cpu"), stop_after=2)
    resumed = train(cifar10, tmp_path / "cut", dataclasses.replace(CONFIG, device="cpu:0"))
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], tensor), name
    assert {p.device.type for p in resumed.network.parameters()} == {"cpu"}


def test_devices_that_are_not_there_are_refused(cifar10: ImageSet, tmp_path: Path) -> None:
    for name in ("abacus", "cuda:77", "cpu:x"):
        with pytest.raises(UserError, match=f"device: got '{name}', expected one that PyTorch has here, as .*cpu"):
            train(cifar10, tmp_path, dataclasses.replace(CONFIG, device=name))
    data = str(save_images(cifar10, tmp_path / "train.npz", 100))
    assert main(["--model", "resnet56", "--data", data, "--out", str(tmp_path / "x"), "--device", "abacus"]) == 2


def test_damaged_state_is_refused(cifar10: ImageSet, tmp_path: Path) -> None:
    (tmp_path / "state.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"state\.safetensors"):
        train(cifar10, tmp_path)


def save_images(cifar10: ImageSet, path: Path, count: int) -> Path:
    np.savez(path, images=cifar10.images[:count], labels=cifar10.labels[:count], classes=np.array(cifar10.class_names))
    return path


def test_command_writes_weights_predictions_and_samples(
    cifar10: ImageSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = save_images(cifar10, tmp_path / "train.npz", 400)
    arguments = ["--model", "tiny", "--data", str(data), "--validation-size", "100", "--epochs", "1"]
    assert main([*arguments, "--out", str(tmp_path / "run"), "--test", str(data), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    checkpoint = load_checkpoint(result["weights"])
    assert checkpoint.class_names == cifar10.class_names
    validation = load_predictions(tmp_path / "run" / "validation.npz")
    assert validation.logits.shape == (100, 3, 10)
    answers = validation.logits.argmax(axis=2)
    measured = (answers == validation.labels[:, None]).mean(axis=0)
    assert measured == pytest.approx(result["accuracy"]["validation"], abs=1e-4)
    assert (tmp_path / "run" / "samples.npz").is_file()


def test_interrupted_command_keeps_finished_epochs(cifar10: ImageSet, tmp_path: Path) -> None:
    data = save_images(cifar10, tmp_path / "train.npz", 700)
    arguments = ["--model", "resnet56", "--data", str(data), "--validation-size", "100", "--epochs", "50"]
    arguments += ["--threads", "1", "--trunk-share", "0.5", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "eenet.cli.train", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # A line of each epoch, and what to go on from, which comes after it.
    kept = [tmp_path / "run" / name for name in ("log.jsonl", "state.safetensors")]
    deadline = time.monotonic() + 180
    while not all(path.exists() for path in kept) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; at most two minutes of work are lost" in err
    assert "Traceback" not in err
    assert out.splitlines()[1].startswith("train resnet56 (3 exits) on 600 images of 32 x 32 in 10 classes")
    assert out.splitlines()[2].startswith("epoch 1/50")
    assert re.search(r"train: \d+ of 1850 steps, epoch 1 of 50, loss ", err), "progress where there is no terminal"
    assert "\r" not in err, "no progress bar where there is no terminal"
    assert [path.name for path in sorted((tmp_path / "run").iterdir())] == ["log.jsonl", "state.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "vgg"], "model 'vgg' is not known"),
        (["--epochs", "0"], "--epochs: got 0, expected 1 to 1000000"),
        (["--validation-size", "400"], "--validation-size: got 400 of 400 images, expected 1 to 399"),
        (["--image-size", "1", "2", "3"], "--image-size: got 3 numbers"),
        (["--threads", "0"], "--threads: got 0, expected 1 to 1024"),
        (["--batch-size", "1000"], "training set: got 300 images, expected at least one batch of 1000"),
        (["--image-size", "32", "32", "3"], "--image-size: got 3 numbers, expected a side, or height and width"),
        (["--loss-weights", "1", "2"], "--loss-weights: got 2 numbers, expected 3"),
        (["--data", "absent.npz"], "absent.npz"),
        (["--start", "resnet65"], "--start: 'resnet65' is no file, and no network that ships: those are densenet121"),
        (["--start", "zoo:resnet65"], "'zoo:resnet65' is no file, and no network that ships"),
        (["--start", "absent.safetensors"], "absent.safetensors: No such file"),
    ],
)
def test_command_refuses(
    cifar10: ImageSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    data = save_images(cifar10, tmp_path / "train.npz", 400)
    base = ["--model", "tiny", "--data", str(data), "--validation-size", "100", "--out", str(tmp_path / "run")]
    assert main([*base, "--threads", "1", *arguments]) == 2  # of more, a busy machine would be warned of
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_busy_machine_is_told_by_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (99.0, 99.0, 99.0))
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    assert main(["--model", "tiny", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run")]) == 2
    warning, _ = capsys.readouterr().err.splitlines()
    assert warning.startswith("eenet-train: warning: the machine is busy (load 99.0): ")
    assert warning.endswith("; give --threads 1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "vgg", "--image-size", "32"], "model 'vgg' is not known"),
        (["--epochs", "0"], "--epochs: got 0, expected 1 to 1000000"),
        (["--batch-size", "0"], "--batch-size: got 0, expected 1 to 1000000"),
        (["--learning-rate", "nan"], "--learning-rate: got nan, expected a positive number up to 1000000"),
        (["--learning-rate", "1e308"], "--learning-rate: got 1e+308, expected a positive number up to 1000000"),
        (["--weight-decay", "1e308"], "--weight-decay: got 1e+308, expected 0 to 1000000"),
        (["--distillation", "1e308"], "--distillation: got 1e+308, expected 0 to 1000000"),
        (["--epochs", "9" * 400], f"--epochs: got {'9' * 400}, expected 1 to 1000000"),
        (["--threads", "2147483648"], "--threads: got 2147483648, expected 1 to 1024"),
        (["--image-size", "1"], "--image-size: got 1, expected 8 to 10000"),
        (["--image-size", "32", "9" * 20], f"--image-size: got {'9' * 20}, expected 8 to 10000"),
        (["--loss-weights", "1", "nan", "1"], "--loss-weights: got 1 nan 1, expected 0 to 1000000 each, and a sum"),
        (["--loss-weights", "1", "inf", "1"], "--loss-weights: got 1 inf 1, expected 0 to 1000000 each, and a sum"),
        (["--loss-weights=1", "--loss-weights=-1", "--loss-weights=2"], "--loss-weights: got 1 -1 2, expected 0 to"),
        (["--loss-weights", "0", "0", "1e-320"], "--loss-weights: got 0 0 9.99989e-321, expected 0 to 1000000 each"),
        (["--weight-decay", "-1"], "--weight-decay: got -1.0, expected 0 to 1000000"),
        (["--weight-decay", "0", "--averaging", "1"], "--averaging: got 1.0, expected at least 0 and below 1"),
        (["--warmup", "2"], "--warmup: got 2.0, expected 0 to 1"),
        (["--loss-weights", "1", "2"], "--loss-weights: got 2 numbers, expected 3"),
        (["--validation-size", "few"], "--validation-size: got 'few', expected a count as 400 or a share"),
        (["--validation-size", "0"], "--validation-size: got 0, expected a count or a share above 0"),
        (["--seed", "-1"], "--seed: got -1, expected 0 to 2^63 - 1"),
    ],
)
def test_options_are_checked_before_images_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["--model", "tiny", "--data", "absent.npz", "--out", str(tmp_path / "run"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "absent" not in error
