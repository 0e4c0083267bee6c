"""Text of C: names and comments that no layer can break out of, and arrays."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from explorer.deployment.device_code.forms.coded_filters import Fact, Stream

__all__ = ["array", "comment", "float_literal", "identifier", "initializer", "string_literal"]

NUMBERS_A_LINE = 16
_OTHER = re.compile(r"[^A-Za-z0-9]+")
_PLAIN = re.compile(r"[^ -~]|[\\?*/\"]")


def identifier(text: str, used: set[str]) -> str:
    """A C name of letters and digits of a text, under ``model_``, so that it is no word of C; used nowhere else.

    Args:
        text: any.
        used: names so far; the new one is added.
    """
    stem = "model_" + _OTHER.sub("_", text.removeprefix("model_")).strip("_").lower()[:60]
    name, number = stem, 1
    while name in used:
        number += 1
        name = f"{stem}_{number}"
    used.add(name)
    return name


def comment(text: str) -> str:
    """A text that is safe in a comment: printable, and without what ends one, begins one or makes a trigraph."""
    kept = {"*": "x", "/": "|", "\\": "|", "?": ".", '"': "'"}
    return _PLAIN.sub(lambda found: kept.get(found[0], "."), text)[:200]


def string_literal(text: str) -> str:
    """A string of C, everything but letters, digits and plain signs as three octal digits of its UTF-8."""
    plain = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,:;=()[]+-")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()[:200]) + '"'


def float_literal(value: float) -> str:
    """The float32 nearest to a value, so that C reads the same."""
    exact = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return f"{exact}F"


def array(kind: str, name: str, values: Sequence[int] | np.ndarray | bytes) -> str:
    """A constant array at a whole word; one zero where there are no values, as C has no empty arrays."""
    numbers = [int(value) for value in values] or [0]
    lines = [", ".join(map(str, numbers[at : at + NUMBERS_A_LINE])) for at in range(0, len(numbers), NUMBERS_A_LINE)]
    body = ",\n    ".join(lines)
    return f"static const {kind} {name}[{len(numbers)}] FILTERFRONT_ALIGNED = {{\n    {body}\n}};\n"


def initializer(facts: Mapping[str, Fact], names: Mapping[Stream, str]) -> str:
    """The fields of a structure in braces.

    Args:
        facts: by field.
        names: of the arrays that hold the streams.
    """
    return "{" + ", ".join(f".{field} = {text}" for field, text in _fields(facts, names)) + "}"


def _fields(facts: Mapping[str, Fact], names: Mapping[Stream, str]) -> Iterator[tuple[str, str]]:
    for field, value in facts.items():
        if isinstance(value, Stream):
            yield field, names[value]
        elif isinstance(value, Mapping):
            yield field, initializer(value, names)
        else:
            yield field, "NULL" if value is None else str(value)
