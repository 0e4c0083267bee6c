"""The errors of networks, data, training and measurement that a user can cause."""

from costmodels.errors import FilterfrontError

__all__ = ["CallableError", "DataError", "ExplorerError", "NetworkError", "QualityError", "TrainingError"]


class ExplorerError(FilterfrontError):
    """Root of the errors of this package."""


class CallableError(ExplorerError):
    """A ``file.py:callable`` or ``package.module:callable`` that cannot be used."""


class DataError(ExplorerError):
    """Data with faults; the message lists them all, one a line."""


class NetworkError(ExplorerError):
    """A network that cannot be found, built, traced, or given its weights."""


class TrainingError(ExplorerError):
    """A training that cannot start or that diverged."""


class QualityError(ExplorerError):
    """A design or a network whose loss cannot be measured."""
