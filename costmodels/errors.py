"""The one root exception, and the errors of the cost models.

Every error that a user can cause states three things, in this order: what is wrong, the rule that it breaks and the
remedy.
"""

from typing import ClassVar, Self

__all__ = [
    "ArgumentTypeError",
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

    The message begins with what is wrong, then come the rule and the remedy:

    >>> print(FilterfrontError("weight_bits is 1 to 16, or 32", 20, "choose such a width"))
    got 20; weight_bits is 1 to 16, or 32; choose such a width
    >>> print(FilterfrontError("a new search has a folder of its own", "runs/a is not empty", "pass --resume"))
    runs/a is not empty; a new search has a folder of its own; pass --resume

    Args:
        rule: what must hold, as a sentence without its full stop; where there is no value, what is wrong.
        value: what does not hold. Text of several words says by itself what is wrong; a single word, or a value that is
            no text (shown with ``repr``), is introduced by "got".
        remedy: what to do about it.
        where: the place that it is about, such as the name of a layer; the message begins with it.

    Class attributes:
        exit_code: what the command ends with; 2 is wrong usage.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, rule: str, value: object = None, remedy: str = "", where: str = "") -> None:
        self.rule, self.value, self.remedy, self.where = rule, value, remedy, where
        text = "; ".join(part for part in (_found(value), rule, remedy) if part)
        super().__init__(f"{where}: {text}" if where else text)

    def __reduce__(self) -> tuple[type["FilterfrontError"], tuple[str, object, str, str]]:
        return type(self), (self.rule, self.value, self.remedy, self.where)

    def at(self, where: str) -> Self:
        """The same error with a place before the one that it is about, such as the layer that a scheme belongs to."""
        return type(self)(self.rule, self.value, self.remedy, f"{where}: {self.where}" if self.where else where)


def _found(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) and value else repr(value)
    return text if isinstance(value, str) and len(value.split()) > 1 else f"got {text}"


class CostModelError(FilterfrontError):
    """Root of the errors of the cost models."""


class ArgumentTypeError(CostModelError, TypeError):
    """An argument of another kind than the one that is wanted; the message says what to give."""


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
