"""What a bundle does on samples that nothing was fitted on, as one HTML page: `make_report`, and ``eenet-report``."""

from eenet.report.inputs import ReportSources
from eenet.report.make import Report, make_report

__all__ = ["Report", "ReportSources", "make_report"]
