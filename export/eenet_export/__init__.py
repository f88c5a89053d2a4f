"""From a trained multi-exit network to a bundle that the runtime loads (``docs/spec/format.md``)."""

from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions, ExportResult
from eenet_export.segments import bundle_segments

__all__ = ["ExportOptions", "ExportResult", "bundle_segments", "export_bundle"]
