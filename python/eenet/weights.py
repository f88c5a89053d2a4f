"""Files of tensors: read without trusting them, and put into networks."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from eenet.errors import UserError, shorten
from eenet.files import replacing, require_regular

_NESTED = ("state_dict", "model_state_dict", "model", "net", "weights")  # where training scripts put weights
_PREFIXES = ("module.", "_orig_mod.")  # what wrappers of PyTorch put in front of names
_MOST_TEXT = 200


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file, whole or not at all."""
    data = safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()}, dict(metadata))
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) over names, dtypes, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        require_regular(path)
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in sorted(file.keys())}, dict(file.metadata() or {})
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # safetensors' own, and what torch says of types that it has not
        raise UserError(f"{path}: not a safetensors file that can be read: {_one_line(error)}") from error


def read_state_dict(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """As `read_tensors`, and also files of ``torch.save``, of which nothing but tensors and plain values is loaded.

    Raises:
        UserError: it cannot be read, or holds no tensors by name.
    """
    if Path(path).suffix == ".safetensors":
        return read_tensors(path)
    try:
        require_regular(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: holds more than tensors and plain values, or is damaged: save the network's state_dict() alone"
        ) from error
    except Exception as error:
        raise UserError(f"{path}: not a file of torch.save that can be read: {_one_line(error)}") from error
    for key in _NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    tensors = {k: v for k, v in loaded.items() if isinstance(v, Tensor)} if isinstance(loaded, Mapping) else {}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise UserError(f"{path}: holds {type(loaded).__name__}, expected tensors by name, as state_dict() gives them")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors, {}


def load_exactly(module: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Puts tensors into a module that must want just these.

    Raises:
        UserError: names or shapes differ, in one line.
    """
    problem = mismatch(module.state_dict(), tensors)
    if problem:
        raise UserError(f"{name}: {problem}")
    module.load_state_dict(dict(tensors))


def mismatch(expected: Mapping[str, Tensor], came: Mapping[str, Tensor]) -> str | None:
    """What differs between the names and shapes of two sets of tensors, in a line; None where nothing does."""
    missing, unknown = sorted(expected.keys() - came.keys()), sorted(came.keys() - expected.keys())
    shapes = [
        f"{name} {tuple(came[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in sorted(expected.keys() & came.keys())
        if expected[name].shape != came[name].shape
    ]
    parts = ((missing, "lacks"), (unknown, "has unexpected"), (shapes, "has other shapes:"))
    return "; ".join(f"{verb} {_few(names)}" for names, verb in parts if names) or None


def _few(names: Iterable[str]) -> str:
    return shorten(list(names), 3)


def _one_line(error: Any) -> str:
    return " ".join(str(error).split())[:_MOST_TEXT] or type(error).__name__
