"""Images as a camera might spoil them, in five severities, after CIFAR-10-C (Hendrycks and Dietterich, 2019).

The parameters below are those of its severities 1 to 5 for images of 32 x 32 pixels; images come out as bytes again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Images = NDArray[np.uint8]

SEVERITIES = (1, 2, 3, 4, 5)
NOISE_DEVIATION = (0.04, 0.06, 0.08, 0.09, 0.10)  # of pixels in [0, 1]
BLUR_RADIUS = (0.4, 0.6, 0.7, 0.8, 1.0)  # deviation in pixels; PIL approximates the Gaussian by box filters
CONTRAST_FACTOR = (0.75, 0.5, 0.4, 0.3, 0.15)  # of the distance from the image's mean colour


def gaussian_noise(images: Images, severity: int) -> Images:
    """Noise that is independent for every pixel and channel; seeded."""
    noise = np.random.default_rng(severity).normal(0, 255 * NOISE_DEVIATION[severity - 1], images.shape)
    return _bytes(images + noise)


def gaussian_blur(images: Images, severity: int) -> Images:
    blur = ImageFilter.GaussianBlur(BLUR_RADIUS[severity - 1])
    return np.stack([np.asarray(Image.fromarray(image).filter(blur)) for image in images])


def contrast(images: Images, severity: int) -> Images:
    mean = images.mean(axis=(1, 2), keepdims=True)
    return _bytes(mean + CONTRAST_FACTOR[severity - 1] * (images - mean))


def _bytes(images: NDArray[np.float64]) -> Images:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


CORRUPTIONS: dict[str, Callable[[Images, int], Images]] = {
    "gaussian-noise": gaussian_noise,
    "gaussian-blur": gaussian_blur,
    "contrast": contrast,
}
