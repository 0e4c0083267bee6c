"""The one root exception, and the errors of the cost models.

Every error that a user can cause states three things: the rule that was broken, the value that broke it and the remedy.
"""

from typing import ClassVar

__all__ = [
    "CostModelError",
    "DeviceError",
    "FilterfrontError",
    "KernelError",
    "NetworkSpecError",
    "SchemeError",
    "SchemeTypeError",
    "ShapeError",
    "UnitError",
]


class FilterfrontError(Exception):
    """Root of every error that filterfront raises on purpose.

    Args:
        rule: what must hold, as a sentence without its full stop.
        value: the value that does not hold; shown with ``repr`` unless it is text already.
        remedy: what to do about it.

    Class attributes:
        exit_code: what the command ends with; 2 is wrong usage.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, rule: str, value: object = None, remedy: str = "") -> None:
        self.rule, self.value, self.remedy = rule, value, remedy
        shown = "" if value is None else f"; got {value if isinstance(value, str) else repr(value)}"
        super().__init__(f"{rule}{shown}{'; ' + remedy if remedy else ''}")

    def __reduce__(self) -> tuple[type["FilterfrontError"], tuple[str, object, str]]:
        return type(self), (self.rule, self.value, self.remedy)


class CostModelError(FilterfrontError):
    """Root of the errors of the cost models."""


class UnitError(CostModelError):
    """A size or count in text that cannot be read."""


class ShapeError(CostModelError):
    """A layer shape that no layer can have."""


class SchemeError(CostModelError):
    """A compressed form with wrong parameters, or one that a layer cannot take."""


class SchemeTypeError(SchemeError, TypeError):
    """What is given for a scheme is neither a scheme nor one in text."""


class NetworkSpecError(CostModelError):
    """A network description that does not hold together."""


class DeviceError(CostModelError):
    """An unknown device, or a device file with faults."""


class KernelError(CostModelError):
    """Arrays or packed data that a kernel cannot take: of another form than the layer's, damaged or out of range."""
