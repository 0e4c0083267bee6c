"""The errors of networks, data, fitting, measurement and options that a user can cause."""

from typing import ClassVar

from costmodels.errors import FilterfrontError

__all__ = [
    "ArgumentError",
    "CallableError",
    "ConfigError",
    "DataError",
    "DeviceCodeError",
    "DeviceToolError",
    "ExplorerError",
    "ExportCheckError",
    "FittingError",
    "LayerError",
    "NetworkError",
    "PackedFileError",
    "QualityError",
    "TrainingError",
    "WorkerError",
]


class ExplorerError(FilterfrontError):
    """Root of the errors of this package."""


class ArgumentError(ExplorerError, TypeError):
    """An argument of a kind that cannot be used; the message says what to give."""


class ConfigError(ExplorerError):
    """Options with faults; the message lists them all."""


class CallableError(ExplorerError):
    """A ``file.py:callable`` or ``package.module:callable`` that cannot be used."""


class NetworkError(ExplorerError):
    """A network that cannot be found, built, traced, or given its weights."""


class PackedFileError(ExplorerError):
    """A packed file that is damaged, of another format or network, or a network that the format cannot hold."""


class ExportCheckError(ExplorerError):
    """A file whose outputs are not those that it has to give; nothing is kept."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        rule: str,
        value: object = None,
        remedy: str = "report it with the design's file; nothing was written",
        where: str = "",
    ) -> None:
        super().__init__(rule, value, remedy, where)


class DeviceCodeError(ExplorerError):
    """A network that cannot be written as C; the message names what stands in the way."""


class DeviceToolError(ExplorerError):
    """A compiler or an emulator that is missing or fails."""


class FittingError(ExplorerError):
    """Weights that cannot be fitted, or a scheme without a fitting method."""


class LayerError(ExplorerError):
    """A layer that cannot be trained in a compressed form, or cannot run as asked."""


class DataError(ExplorerError):
    """Data with faults; the message lists them all, one a line."""


class TrainingError(ExplorerError):
    """A training that cannot start or that diverged."""


class QualityError(ExplorerError):
    """A design or a network whose loss cannot be measured."""


class WorkerError(ExplorerError):
    """A process that measures designs and cannot."""
