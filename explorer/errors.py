"""The errors of the explorer; each states the rule, the value and the remedy."""

from costmodels.errors import FilterfrontError

__all__ = ["ExplorerError", "FittingError"]


class ExplorerError(FilterfrontError):
    """Root of the errors of the explorer."""


class FittingError(ExplorerError):
    """Weights or a codebook that a compressed form cannot be fitted to."""
