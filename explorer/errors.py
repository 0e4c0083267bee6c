"""The errors of networks, data, fitting, measurement and options that a user can cause."""

from costmodels.errors import FilterfrontError

__all__ = [
    "CallableError",
    "ConfigError",
    "DataError",
    "ExplorerError",
    "FittingError",
    "NetworkError",
    "QualityError",
    "TrainingError",
]


class ExplorerError(FilterfrontError):
    """Root of the errors of this package."""


class ConfigError(ExplorerError):
    """Options with faults; the message lists them all."""


class CallableError(ExplorerError):
    """A ``file.py:callable`` or ``package.module:callable`` that cannot be used."""


class NetworkError(ExplorerError):
    """A network that cannot be found, built, traced, or given its weights."""


class FittingError(ExplorerError):
    """Weights that cannot be fitted, or a scheme without a fitting method."""


class DataError(ExplorerError):
    """Data with faults; the message lists them all, one a line."""


class TrainingError(ExplorerError):
    """A training that cannot start or that diverged."""


class QualityError(ExplorerError):
    """A design or a network whose loss cannot be measured."""
