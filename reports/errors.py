"""Errors of the reports."""

from costmodels.errors import FilterfrontError

__all__ = ["ReportError"]


class ReportError(FilterfrontError):
    """A run that cannot be reported, or a run folder that cannot be read or written."""
