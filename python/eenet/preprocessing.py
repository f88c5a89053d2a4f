"""Declarative preprocessing: what the manifest of a bundle says and the Python tools do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

# How images of other sizes come to the network's: the only way so far, spelt out for whoever reads a manifest.
_RESIZE = {"crop": "center", "filter": "bilinear", "antialias": True}
_LONGEST = 200  # characters of a declaration in a message
_MOST = float(np.finfo(np.float32).max)
_NONE = {"kind": "none"}


@dataclass(frozen=True)
class ImagePreprocessing:
    """``(pixel * scale - mean) / std`` per channel, from bytes in HWC order to float32 in CHW order.

    Attributes:
        size: height and width that the network takes.
        scale: usually 1/255.
        mean, std: per channel, after scaling.
        color: channel order of the bytes.
        resize: whether images of another size are brought to it by `resize`, as those of training were; else they are
            refused.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float = 1 / 255
    color: str = "RGB"
    resize: bool = False

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> ImagePreprocessing:
        """Mean and deviation of each channel, to four digits, of images of shape ``(N, H, W, 3)``.

        Images of other sizes are to be resized. A channel that is the same everywhere is not scaled.
        """
        pixels = images.reshape(-1, images.shape[-1])
        # Integer histograms: exact, and without a float copy of the whole set.
        levels = np.arange(256) / 255
        counts = np.stack([np.bincount(pixels[:, c], minlength=256) for c in range(images.shape[-1])])
        share = counts / counts.sum(axis=1, keepdims=True)
        mean = share @ levels
        std = np.sqrt(share @ levels**2 - mean**2)
        return cls(
            size=(int(images.shape[1]), int(images.shape[2])),
            mean=tuple(round(float(m), 4) for m in mean),
            std=tuple(round(float(s), 4) or 1.0 for s in std),
            resize=True,
        )

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Images uint8 ``(..., H, W, 3)`` to float32 ``(..., 3, H, W)``, C-contiguous.

        Raises:
            UserError: another dtype or size.
        """
        expected = (*self.size, len(self.mean))
        if images.dtype != np.uint8 or images.shape[-3:] != expected:
            raise UserError(
                f"images: got {images.dtype} of shape {images.shape}, expected uint8 of shape (..., "
                f"{', '.join(map(str, expected))})"
            )
        # One multiplication and one addition a pixel, in float32.
        factor = np.array([self.scale / s for s in self.std], np.float32)
        offset = np.array([-m / s for m, s in zip(self.mean, self.std, strict=True)], np.float32)
        return np.ascontiguousarray(np.moveaxis(images.astype(np.float32) * factor + offset, -1, -3))

    def to_json(self) -> dict[str, Any]:
        """The object that ``docs/spec/format.md`` describes."""
        described: dict[str, Any] = {
            "kind": "image",
            "color": self.color,
            "layout": "CHW",
            "size": list(self.size),
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        return {**described, "resize": _RESIZE} if self.resize else described

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ImagePreprocessing:
        """The inverse of `to_json`.

        Raises:
            UserError: another kind or layout, keys are missing, or numbers are none that images stay finite by.
        """
        try:
            if (value["kind"], value["layout"]) != ("image", "CHW"):
                raise UserError(f"preprocessing: got {value['kind']}/{value['layout']}, expected image/CHW")
            if value["color"] != "RGB":
                raise UserError(f"preprocessing: color: got {value['color']!r}, expected 'RGB'")
            if value.get("resize") not in (None, _RESIZE):
                raise UserError(f"preprocessing: resize: got {value['resize']}, expected {_RESIZE}")
            height, width = value["size"]
            if not (type(height) is type(width) is int and min(height, width) >= 1):
                raise UserError(f"preprocessing: size: got {_shown(value['size'])}, expected height and width")
            mean, std, (scale,) = _numbers(value, "mean"), _numbers(value, "std"), _numbers(value, "scale")
            _check_channels(mean, std, scale)
            return cls(
                size=(height, width),
                mean=mean,
                std=std,
                scale=scale,
                color=str(value["color"]),
                resize=value.get("resize") is not None,
            )
        except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise UserError(f"preprocessing: {error!r} in {_shown(value)}") from error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _numbers(value: dict[str, Any], key: str) -> tuple[float, ...]:
    """A number of JSON, or a list of them."""
    found = value[key] if key != "scale" else [value[key]]
    if not isinstance(found, list) or not all(type(number) in (int, float) for number in found):
        expected = "a number" if key == "scale" else "a list of numbers"
        raise UserError(f"preprocessing: {key}: got {_shown(value[key])}, expected {expected}")
    return tuple(map(float, found))


def _check_channels(mean: tuple[float, ...], std: tuple[float, ...], scale: float) -> None:
    if not 1 <= len(mean) == len(std):
        raise UserError(f"preprocessing: got {len(mean)} means and {len(std)} deviations, expected one each a channel")
    for m, s in zip(mean, std, strict=True):
        if not s > 0:
            raise UserError(f"preprocessing: std: got {s}, expected numbers above 0")
        if not abs(255 * scale / s) + abs(m / s) <= _MOST:
            raise UserError(
                f"preprocessing: got scale {scale}, mean {m} and std {s}, expected numbers that bytes of images stay "
                "finite by"
            )


def described(preprocessing: ImagePreprocessing | None) -> dict[str, Any]:
    """As manifests and checkpoints say it: kind ``none`` where inputs go in as they are."""
    return dict(_NONE) if preprocessing is None else preprocessing.to_json()


def parsed(value: dict[str, Any]) -> ImagePreprocessing | None:
    """The inverse of `described`.

    Raises:
        UserError: it is malformed.
    """
    return None if value == _NONE else ImagePreprocessing.from_json(value)


def resize(image: Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The largest part around the centre that has the shape of ``size``, brought to it with Pillow's bilinear filter.

    Args:
        image: RGB, of any size.
        size: height and width.

    Returns:
        uint8 ``(H, W, 3)``; the image itself where it has that size.
    """
    from PIL.Image import Resampling

    height, width = size
    scale = _scale(image, size)
    left, top = (image.width - scale * width) / 2, (image.height - scale * height) / 2
    # Rounding must not lead outside.
    box = (max(left, 0), max(top, 0), min(left + scale * width, image.width), min(top + scale * height, image.height))
    # One axis after the other: which comes first in one call depends on the version of Pillow.
    wide = image.resize((width, image.height), Resampling.BILINEAR, box=(box[0], 0, box[2], image.height))
    return np.asarray(wide.resize((width, height), Resampling.BILINEAR, box=(0, box[1], width, box[3])))


def cut_off(image: Image, size: tuple[int, int]) -> float:
    """Share of an image's pixels that `resize` leaves out."""
    height, width = size
    return 1 - _scale(image, size) ** 2 * height * width / (image.height * image.width)


def _scale(image: Image, size: tuple[int, int]) -> float:
    """Pixels of the image to one of ``size``."""
    height, width = size
    return min(image.width / width, image.height / height)
