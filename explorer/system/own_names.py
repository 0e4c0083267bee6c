"""How objectives of a user's own are written: ``file.py:callable``, ``file.py:callable:maximize`` if more is better."""

import re
from typing import Literal

from explorer.system.errors import ConfigError
from reports.columns import is_taken
from searches.objectives import OBJECTIVES

__all__ = ["DIRECTIONS", "check_own_name", "own_direction", "own_name", "own_place"]

Direction = Literal["minimize", "maximize"]
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")


def own_place(text: str) -> str:
    """The callable's place, without a direction.

    >>> own_place("price.py:euros:minimize"), own_place("price.py:euros")
    ('price.py:euros', 'price.py:euros')
    """
    place, _, last = text.rpartition(":")
    return place if last in DIRECTIONS and ":" in place else text


def own_direction(text: str) -> Direction | None:
    """The direction that is written, or None."""
    last = text.rpartition(":")[2]
    return next((one for one in DIRECTIONS if one == last and own_place(text) != text), None)


def own_name(text: str) -> str:
    """What the objective is called, which is what the callable is: its column in tables, too.

    >>> own_name("price.py:euros:minimize")
    'euros'
    """
    return own_place(text).rpartition(":")[2]


def check_own_name(name: str) -> None:
    """Refuses a name that means something else, or is no name of a column.

    Raises:
        ConfigError: it is such.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
        rule = "an objective of your own is called as its function, a name of letters, digits and _"
        raise ConfigError(rule, repr(name[:80]), "write --objective file.py:name, or file.py:name:maximize")
    if name in OBJECTIVES or is_taken(name):
        rule = "an objective of your own has a name that no other figure has"
        raise ConfigError(rule, name, "give the function another name")
