"""Small networks that are no chain: inputs of several kinds, half precision, a length that each call chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eenet.models import MultiExitNetwork, SegmentSpec
from eenet.tasks.classification import ClassPredictions

CLASSES, VOCABULARY, MOST_TOKENS, WIDTH = 3, 20, 12, 8


class _Parts(MultiExitNetwork):
    """Cores and heads, one each an exit, of which a head reads the first output of its core."""

    cores: nn.ModuleList
    heads: nn.ModuleList

    def core(self, k: int, *tensors: Tensor) -> Tensor:
        """The first output of core part k: of nothing but heads, what comes in."""
        return tensors[0]

    def run_core(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return (self.core(k, *tensors),)

    def run_segment(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        hidden = self.core(k, *tensors)
        logits = self.heads[k](hidden.mean(dim=1) if hidden.dim() == 3 else hidden)
        return (hidden, logits) if k < self.num_exits - 1 else (logits,)

    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        return self.cores[k], self.heads[k]

    def trunk_modules(self) -> tuple[nn.Module, ...]:
        return (*self.cores, self.heads[-1])


class TwoInputs(_Parts):
    """A signal and a whole number that says of what kind it is; the second segment reads both again."""

    def __init__(self, num_classes: int = CLASSES) -> None:
        specs = [
            SegmentSpec(("signal", "kind"), ("hidden", "logits_0"), "logits_0"),
            SegmentSpec(("hidden", "kind", "signal"), ("logits_1",), "logits_1"),
        ]
        super().__init__(num_classes, specs, {"signal": (4,), "kind": ()}, dtypes={"kind": torch.int64})
        self.kinds = nn.Embedding(5, 4)
        self.cores = nn.ModuleList([nn.Linear(4, WIDTH), nn.Linear(WIDTH + 4, WIDTH)])
        self.heads = nn.ModuleList(nn.Linear(WIDTH, num_classes) for _ in range(2))

    def core(self, k: int, *tensors: Tensor) -> Tensor:
        if k == 0:
            signal, kind = tensors
            return F.relu(self.cores[0](signal + self.kinds(kind)))
        hidden, kind, signal = tensors
        return F.relu(self.cores[1](torch.cat([hidden, signal * self.kinds(kind)], dim=1)))

    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (*super().segment_modules(k), self.kinds)


class _Widened(nn.Linear):
    """Logits in float32 whatever computes them."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


class HalfPrecision(_Parts):
    """Bytes, and a number of a place; everything but the logits is in half precision."""

    def __init__(self, num_classes: int = CLASSES) -> None:
        specs = [
            SegmentSpec(("pixels", "place"), ("hidden", "logits_0"), "logits_0"),
            SegmentSpec(("hidden", "place", "pixels"), ("logits_1",), "logits_1"),
        ]
        dtypes = {"pixels": torch.uint8, "place": torch.int32}
        super().__init__(num_classes, specs, {"pixels": (6,), "place": ()}, dtypes=dtypes)
        self.places = nn.Embedding(5, 6)
        self.cores = nn.ModuleList([nn.Linear(6, WIDTH), nn.Linear(WIDTH + 6, WIDTH)])
        self.heads = nn.ModuleList(_Widened(WIDTH, num_classes) for _ in range(2))
        self.half()

    def core(self, k: int, *tensors: Tensor) -> Tensor:
        *hidden, place, pixels = tensors if k else tensors[::-1]
        said = pixels.half() / 64 + self.places(place)
        return F.relu(self.cores[k](torch.cat([*hidden, said], dim=1)))

    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (*super().segment_modules(k), self.places)


class Tokens(_Parts):
    """Ids with a mask, attention over as many tokens as came, three exits."""

    def __init__(self, num_classes: int = CLASSES) -> None:
        specs = [
            SegmentSpec(("ids", "mask"), ("hidden_0", "logits_0"), "logits_0"),
            SegmentSpec(("hidden_0", "mask"), ("hidden_1", "logits_1"), "logits_1"),
            SegmentSpec(("hidden_1", "mask"), ("logits_2",), "logits_2"),
        ]
        super().__init__(
            num_classes,
            specs,
            {"ids": ("tokens",), "mask": ("tokens",)},
            dtypes={"ids": torch.int64, "mask": torch.int64},
            symbols={"tokens": MOST_TOKENS},
        )
        cores = [nn.Embedding(VOCABULARY, WIDTH), *(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(2))]
        self.cores = nn.ModuleList(cores)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, num_classes) for _ in range(3))

    def core(self, k: int, *tensors: Tensor) -> Tensor:
        x, mask = tensors
        if k == 0:
            return self.cores[0](x) * mask[:, :, None]
        query, key, value = self.cores[k](x)[:, None].chunk(3, dim=3)  # one head
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :].bool())
        return x + attended[:, 0]


def inputs(network: MultiExitNetwork, samples: int, tokens: int = 7, seed: int = 0) -> dict[str, np.ndarray]:
    """Samples for one of them."""
    random = np.random.default_rng(seed)
    if isinstance(network, HalfPrecision):
        pixels = random.integers(0, 256, (samples, 6), np.uint8)
        return {"pixels": pixels, "place": random.integers(0, 5, samples, np.int32)}
    if isinstance(network, TwoInputs):
        signal = random.standard_normal((samples, 4), np.float32)
        return {"signal": signal, "kind": random.integers(0, 5, samples)}
    mask = (np.arange(tokens) < random.integers(1, tokens + 1, (samples, 1))).astype(np.int64)
    return {"ids": random.integers(0, VOCABULARY, (samples, tokens)), "mask": mask}


def logits(network: MultiExitNetwork, samples: Mapping[str, Any]) -> np.ndarray:
    """By PyTorch, float32 (N, K, C)."""
    with torch.inference_mode():
        return torch.stack(network.eval()(*(torch.from_numpy(x) for x in samples.values())), dim=1).numpy()


def predictions(network: MultiExitNetwork, samples: int = 400) -> ClassPredictions:
    """Of a network of random weights: its last exit is right on four of five."""
    said = logits(network, inputs(network, samples, seed=1))
    labels = said[:, -1].argmax(axis=1)
    labels[::5] = (labels[::5] + 1) % network.num_classes
    names = tuple(f"class {c}" for c in range(network.num_classes))
    return ClassPredictions(said, labels.astype(np.int64), np.arange(samples), names)
