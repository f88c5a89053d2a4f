"""Bundles as files (``docs/spec/format.md``): the writer, for whoever makes segments; `eenet_rt.load` reads them."""

from eenet.bundles.writer import BundleContent, Segment, Tensor, write_bundle
from eenet.segments import SegmentSpec

__all__ = ["BundleContent", "Segment", "SegmentSpec", "Tensor", "write_bundle"]
