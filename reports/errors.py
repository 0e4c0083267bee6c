"""Errors of the reports."""

from pathlib import Path

from costmodels.errors import FilterfrontError

__all__ = ["ReportError", "damaged"]


class ReportError(FilterfrontError):
    """A run that cannot be reported, or a run folder that cannot be read or written."""


def damaged(path: Path, reason: object) -> ReportError:
    """The error of a file of a run folder that cannot be read."""
    said = getattr(reason, "strerror", None) or reason
    return ReportError(f"{path.name} can be read", f"{path} ({said})", "the file is damaged: run the search again")
