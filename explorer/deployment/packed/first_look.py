"""What a packed file says, looked at before torch is loaded: sizes that no tensor can have are refused in less time."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from costmodels.errors import FilterfrontError
from explorer.deployment.packed.manifest import MOST_VALUES
from explorer.deployment.packed.reading import read_packed
from explorer.system.errors import PackedFileError

__all__ = ["look_at_packed"]

_MOST_NESTED, _LARGEST = 8, 2**63
_AGAIN = "give a file that filterfront wrote"
_OF_RESULT = ("zeros", "ones", "full", "empty", "expand", "view", "reshape", "repeat", "upsample", "adaptive")
"""In the names of operations of which a list of whole numbers says the sizes of the result, or factors of them."""


def look_at_packed(path: Path) -> None:
    """Refuses a packed file whose layers are none, or whose operations ask for more than a tensor may hold.

    What they take of tensors before them is not known here: `explorer.deployment.packed.bounded_run` sees that.

    Raises:
        FilterfrontError: it is refused; the message names the file.
    """
    file = read_packed(path)
    try:
        for shape in file.facts.inputs:
            _check_values(f"an input of {'x'.join(map(str, shape))}", (file.facts.batch or 1, *shape))
        file.layers()
        for kind, *rest in filter(None, file.facts.nodes):
            if kind in ("aten", "python") and len(rest) >= 2:
                _check_arguments(kind, str(rest[0]), *rest[1:3])
    except FilterfrontError as error:
        raise error.at(path.name) from error


def _check_arguments(kind: str, operation: str, given: Any, named: Any = None) -> None:
    """Refuses arguments that are no numbers where only numbers are computed with, or sizes beyond those of a tensor."""
    arguments = [*(given if isinstance(given, list) else ()), *(named.values() if isinstance(named, dict) else ())]
    if kind == "python" and operation != "getitem":
        for value in arguments:
            _check_number(value)
    for part in _lists(arguments) if kind == "aten" else ():
        _check_values(operation, [max(map(abs, part))])
        if any(name in operation for name in _OF_RESULT):
            _check_values(f"the result of {operation}", part)
        elif "pad" in operation:
            _check_values(f"the result of {operation}", [sum(part[at : at + 2]) for at in range(0, len(part), 2)])


def _check_number(value: Any) -> None:
    is_long = type(value) is int and abs(value) >= _LARGEST
    if is_long or isinstance(value, str | list):
        found = "a longer one" if is_long else type(value).__name__
        raise PackedFileError("arithmetic on sizes is of numbers of 63 bits", found, _AGAIN)


def _check_values(what: str, sizes: Sequence[int]) -> None:
    """Refuses sizes whose product is more than a tensor holds, whatever else it depends on.

    Raises:
        PackedFileError: it is.
    """
    values = math.prod(size for size in sizes if size > 0)
    if values > MOST_VALUES:
        raise PackedFileError(f"a tensor has at most {MOST_VALUES:,} values", f"{values:,} in {what}", _AGAIN)


def _lists(values: Sequence[Any], depth: int = 0) -> Iterator[list[int]]:
    """The lists of whole numbers among arguments; the names of nodes and of types have none.

    Raises:
        PackedFileError: lists lie too deep within each other.
    """
    if depth > _MOST_NESTED:
        raise PackedFileError(f"arguments lie within {_MOST_NESTED} others at most", "more", _AGAIN)
    for value in values:
        if isinstance(value, list):
            if value and all(type(item) is int for item in value):
                yield value
            yield from _lists(value, depth + 1)
