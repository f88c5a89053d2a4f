"""A reader of hand-offs by ``docs/spec/handoff.md`` alone, digests by their definition, how to seal a spoilt one."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass

import numpy as np

import eenet_rt

_DTYPES = tuple(map(np.dtype, ("<f4", "<i8", "<f2", "<f2", "<i4", "<u1")))


@dataclass(frozen=True)
class Handoff:
    """What a hand-off says."""

    network: str
    digest: str
    num_exits: int
    next_exit: int
    thresholds: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    logits: np.ndarray
    tensors: dict[str, np.ndarray]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.data)
        self.at += count
        return self.data[self.at - count : self.at]

    def array(self, dtype: str | np.dtype, *shape: int) -> np.ndarray:
        kind, count = np.dtype(dtype), int(np.prod(shape, dtype=int))
        return np.frombuffer(self.take(count * kind.itemsize), kind).reshape(shape)


def read(data: bytes) -> Handoff:
    """Takes a hand-off apart; an assertion fails where it is not as the format says."""
    body, checksum = data[:-4], data[-4:]
    assert struct.pack("<I", zlib.crc32(body)) == checksum
    reader = _Reader(body)
    assert reader.take(8) == b"EENET-HO"
    version, size = struct.unpack("<IQ", reader.take(12))
    assert (version, size) == (1, len(data))
    network, digest = reader.take(32), reader.take(32)
    exits, next_exit, count = struct.unpack("<3I", reader.take(12))
    thresholds = reader.array("<f8", exits if any(digest) else 0)
    scores = reader.array("<f4", next_exit)
    (size,) = struct.unpack("<I", reader.take(4))
    labels = reader.array("<u4", next_exit)
    logits = reader.array("<f4", next_exit, (size // next_exit - 4) // 4)
    tensors: dict[str, np.ndarray] = {}
    for _ in range(count):
        name = reader.take(struct.unpack("<H", reader.take(2))[0]).decode()
        transport, dims = reader.take(2)
        tensors[name] = reader.array(_DTYPES[transport], *struct.unpack(f"<{dims}I", reader.take(4 * dims)))
    assert list(tensors) == sorted(tensors)
    assert reader.at == len(body)
    return Handoff(network.hex(), digest.hex(), exits, next_exit, thresholds, labels, scores, logits, tensors)


def digest(policy: eenet_rt.ExitPolicy) -> str:
    """Of a policy, by its definition."""
    data = struct.pack(f"<{1 + policy.num_exits}I", policy.num_exits, *policy.num_features)
    data += struct.pack("<BB", policy.clamp, policy.combiner is not None)
    for array in policy.combiner or ():
        data += array.astype("<f4").tobytes()
    for weight, bias, *output in policy.scorers:
        out_weight, out_bias = output or (np.zeros(0), np.zeros(1))
        data += struct.pack("<II", weight.size, out_weight.size)
        data += b"".join(each.astype("<f4").tobytes() for each in (weight, bias, out_weight, out_bias))
    return hashlib.sha256(data).hexdigest()


def sealed(data: bytes) -> bytes:
    """With size and checksum put right after a change."""
    body = data[:12] + struct.pack("<Q", len(data)) + data[20:-4]
    return body + struct.pack("<I", zlib.crc32(body))
