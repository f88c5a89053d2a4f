"""How to train, and what suits a data set of which size."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from eenet.errors import ArgumentError

_BATCHES = 25  # a batch is so large that an epoch has about as many steps, within limits
_LEAST_BATCH, _MOST_BATCH = 16, 128
_IMAGES = 48_000  # seen by a training run on a small set; a large one is seen `_LEAST_EPOCHS` times
_LEAST_EPOCHS, _MOST_EPOCHS = 30, 200
_RATE_PER_IMAGE = 0.2 / 128  # of a batch: twice the batch, twice the rate


def native_device() -> str:
    """The accelerator that PyTorch has here, as ``cuda``; else ``cpu``."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return "cpu" if accelerator is None else accelerator.type


def check_device(name: str) -> str:
    """The kind of a device of PyTorch, as ``cuda`` of ``cuda:1``.

    Raises:
        UserError: it is not there.
    """
    import torch

    try:
        return torch.empty(0, device=name).device.type
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # each means that it is not here
        here = " or ".join(sorted({"cpu", native_device()}))
        raise ArgumentError("device", f"got {name!r}, expected one that PyTorch has here, as {here}") from error


def native_precision(device: str) -> str:
    """``bfloat16`` where the device computes in it, ``float32`` where it would only be imitated, slowly."""
    kind = check_device(device)
    if kind != "cpu":
        import torch

        return "bfloat16" if kind != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    with suppress(OSError):
        words = Path("/proc/cpuinfo").read_text().split()
        if not {"amx_bf16", "avx512_bf16", "bf16"}.isdisjoint(words):
            return "bfloat16"
    return "float32"


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: passes over the training images.
        batch_size: samples a step; the last, smaller batch of an epoch is left out.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: on matrices and convolutions only.
        warmup: share of the steps before the peak.
        trunk_share: first share of the epochs, in which only the last exit is trained (the paper: 20 of 150 epochs).
        distillation: alpha of `MultiExitLoss`.
        distillation_share: last share of the epochs, in which distillation is on (the paper: 25 %).
        loss_weights: of the exits; the paper's when None.
        full_heads: whether they are for the trunk alone, see `MultiExitLoss`.
        averaging: decay a step of the exponential moving average of the weights, which is then what is evaluated and
            kept; 0 for none. After n steps at most (1 + n) / (10 + n).
        teacher_share: the part that a teacher from outside has in each exit's loss, see `MultiExitLoss`.
        padding: zero padding before the random crop.
        precision: ``float32``, or ``bfloat16`` for autocast; that of the device when not given.
        device: of PyTorch, as ``cpu`` or ``cuda:1``; the accelerator when not given, if there is one. A run may go on
            on another.
        compile: use ``torch.compile``.
        seed: of the weights, the order of samples and the augmentation.
        start: what the weights started from, for the record; empty where they were drawn at random.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    warmup: float = 0.2
    trunk_share: float = 0.13
    distillation: float = 0.01
    distillation_share: float = 0.25
    loss_weights: tuple[float, ...] | None = None
    full_heads: bool = False
    averaging: float = 0.0
    teacher_share: float = 0.5
    padding: int = 4
    precision: str = field(default_factory=lambda: native_precision(native_device()))
    compile: bool = False
    seed: int = 0
    start: str = ""
    device: str = field(default_factory=native_device)


@dataclass(frozen=True)
class SuitedSettings:
    """What depends on the number of training images, and on whether the weights start as those of a trained network.

    Attributes:
        epochs, batch_size, learning_rate, trunk_share: as in `TrainingConfig`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    trunk_share: float

    @classmethod
    def of(cls, images: int, *, batch_size: int | None = None, started: bool = False) -> SuitedSettings:
        """Settings for so many training images; the learning rate is that of ``batch_size`` where it is given."""
        if batch_size is None:
            power = 1 << max(0, (images // _BATCHES).bit_length() - 1)
            batch_size = min(max(_LEAST_BATCH, min(_MOST_BATCH, power)), max(images, 1))
        epochs = max(_LEAST_EPOCHS, min(_MOST_EPOCHS, round(_IMAGES / images)))
        rate = _RATE_PER_IMAGE * batch_size
        if not started:
            return cls(epochs, batch_size, rate, TrainingConfig.trunk_share)
        # What is known already is not to be forgotten.
        return cls(max(1, epochs // 2), batch_size, rate / 4, 0.0)
