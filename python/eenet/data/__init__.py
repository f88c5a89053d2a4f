"""Data sets: image files in class folders, or one packed file."""

from eenet.data.image_set import ImageSet
from eenet.data.load import load_images

__all__ = ["ImageSet", "load_images"]
