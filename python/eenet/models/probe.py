"""What a network answers to a few samples of noise: by that, weights know the code that they were trained with."""

from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.models.code import blaming
from eenet.models.network import MultiExitNetwork, dtype_name
from eenet.noise import noise

_SAMPLES, _MOST_CLASSES = 2, 8
_MOST_SIZE = 64  # of dimensions that each call chooses
# Far above what another machine or number of threads makes of float32, as a share of the deviation and of the largest.
_APART, _ROUNDING = 1e-2, 1e-5

_log = logging.getLogger(__name__)


def probe(network: MultiExitNetwork) -> list[Any] | None:
    """Logits of every exit of seeded noise, of the first classes alone.

    Returns:
        K lists of a list a sample; None, with a warning, where a network takes no noise or does not answer alike twice.
    """
    name = network.name or type(network).__name__
    reason = None
    try:
        with torch.random.fork_rng(devices=[]), blaming(name):
            first, second = _logits(network), _logits(network)
    except UserError as error:
        reason = str(error)
    else:
        if not np.isfinite(first).all():
            reason = "its logits of noise are not finite"
        elif _difference(first, second) is not None:
            reason = "it does not answer alike twice"
    if reason is not None:
        _log.warning("%s: nothing will tell whether its code was changed since these weights: %s", name, reason)
        return None
    return [[[float(f"{z:.6g}") for z in sample] for sample in exit_] for exit_ in first]


def probe_difference(network: MultiExitNetwork, kept: NDArray[np.float64]) -> str | None:
    """What a network answers otherwise than the probe that was kept of it; None: nothing."""
    with torch.random.fork_rng(devices=[]):
        return _difference(kept, _logits(network))


def _logits(network: MultiExitNetwork) -> NDArray[np.float64]:
    """Shape ``(K, samples, classes)``; of a copy, so that the network stays as it is."""
    sizes = {name: min(most, _MOST_SIZE) for name, most in network.symbols.items()}
    shapes = {
        name: tuple(sizes[dim] if isinstance(dim, str) else dim for dim in shape)
        for name, shape in network.input_shapes.items()
    }
    dtypes = {name: dtype_name(dtype) for name, dtype in network.dtypes.items()}
    inputs = [torch.from_numpy(x) for x in noise(shapes, dtypes, _SAMPLES).values()]
    with torch.inference_mode():
        logits = copy.deepcopy(network).eval()(*inputs)
    found: NDArray[np.float64] = torch.stack(logits)[:, :, :_MOST_CLASSES].double().numpy()
    return found


def _difference(kept: NDArray[np.float64], now: NDArray[np.float64]) -> str | None:
    if kept.shape != now.shape:
        return f"logits of shape {now.shape} instead of {kept.shape}"
    for k, (before, after) in enumerate(zip(kept, now, strict=True)):
        deviation, apart = float(before.std()), float(np.abs(after - before).max())
        if not apart <= _APART * deviation + _ROUNDING * float(np.abs(before).max()):
            return f"exit {k}: its logits are off by {apart:.3g}, with a deviation of {deviation:.3g}"
    return None
