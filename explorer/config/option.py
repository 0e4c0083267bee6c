"""Option: what commands, files of options and Python take under one name. It needs nothing heavy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Option", "field_of"]

Kind = Literal["text", "path", "whole", "number", "switch"]


@dataclass(frozen=True)
class Option:
    """An option: said once, for its field in a configuration and for its line in ``--help``.

    Args:
        help: what it does, and in brackets what it is without being given where that depends on others.
        default: what it is where it is not given.
        kind: of its value.
        least: value, of a number; None for any.
        most: value.
        choices: the values that there are; none for any.
        flags: as it is typed; ``--`` and its name, with hyphens, where none are given.
        metavar: what stands for its value in the help.
        several: whether it may be typed more than once.
    """

    help: str
    default: Any = None
    kind: Kind = "text"
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    several: bool = False


def field_of(options: "Mapping[str, Option]", name: str) -> Any:
    """The field of a configuration that holds an option, with its default and its limits.

    Args:
        options: by name.
        name: of the option.
    """
    from pydantic import Field

    option = options[name]
    return Field(default=option.default, ge=option.least, le=option.most)
