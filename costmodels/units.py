"""Sizes and counts in text: read and printed in one place. KiB is 1024 bytes; "KB" is refused, since it means two
things."""

import re

from costmodels.errors import UnitError
from costmodels.numbers import Count

__all__ = [
    "GIB",
    "KIB",
    "MIB",
    "bytes_of_bits",
    "format_bytes",
    "format_count",
    "parse_bytes",
    "parse_count",
    "parse_milliseconds",
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

MOST = 2.0**63 - 1024
"""The greatest size or count: the greatest float below 2^63, as sums over layers are of 64-bit integers."""

_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_FACTORS = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB}
_SIZE = re.compile(r"\s*([+-]?[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def bytes_of_bits(bits: Count) -> Count:
    """Whole bytes that hold ``bits`` bits, one count or a column of them.

    >>> bytes_of_bits(9)
    2
    """
    return -(-bits // 8)


def parse_bytes(text: str | int) -> int:
    """A size in bytes from text such as ``256KiB``, ``1.5 MiB`` or ``4096``.

    >>> parse_bytes("256KiB"), parse_bytes("1.5MiB")
    (262144, 1572864)

    Raises:
        UnitError: the text is no size, the unit is ambiguous, or the size is not a whole positive number of bytes.
    """
    match = _SIZE.fullmatch(str(text))
    if match is None or match[2].lower() not in _FACTORS:
        raise UnitError(
            "a size is a number with B, KiB, MiB or GiB", str(text), "write for example 256KiB (1024 bytes each)"
        )
    size = float(match[1]) * _FACTORS[match[2].lower()]
    if not 0 < size <= MOST or size != int(size):
        raise UnitError("a size is a whole positive number of bytes of 63 bits", str(text), "write for example 256KiB")
    return int(size)


def format_bytes(size_bytes: float) -> str:
    """A size for people, in bytes, KiB, MiB or GiB with three significant figures at least.

    >>> format_bytes(1000), format_bytes(2048), format_bytes(5 * MIB)
    ('1,000 B', '2.00 KiB', '5.00 MiB')
    """
    for factor, unit in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(size_bytes) >= factor:
            value = size_bytes / factor
            return f"{value:.2f} {unit}" if value < 100 else f"{value:.1f} {unit}"
    return f"{size_bytes:,.0f} B"


def parse_count(text: str | float) -> int:
    """A whole positive count from text such as ``2e9`` or ``40550400``.

    >>> parse_count("2e9")
    2000000000

    Raises:
        UnitError: the text is no whole positive number.
    """
    try:
        count = float(str(text).replace("_", "").replace(",", ""))
    except ValueError:
        count = float("nan")
    if not 0 < count <= MOST or count != int(count):
        raise UnitError("a count is a whole positive number of 63 bits", str(text), "write for example 2e9")
    return int(count)


def parse_milliseconds(text: str | float) -> float:
    """A time in milliseconds from text such as ``20ms``, ``500us`` or ``1.5s``; a bare number is refused.

    >>> parse_milliseconds("20ms"), parse_milliseconds("500 us"), parse_milliseconds("1.5s")
    (20.0, 0.5, 1500.0)

    Raises:
        UnitError: the text is no time above 0, or has no unit.
    """
    match = _SIZE.fullmatch(str(text))
    unit = match[2].lower() if match else ""
    if match is None or unit not in _MILLISECONDS:
        raise UnitError("a time is a number with us, ms or s", str(text), "write for example 20ms")
    milliseconds = float(match[1]) * _MILLISECONDS[unit]
    if not 0 < milliseconds < float("inf"):
        raise UnitError("a time is above 0", str(text), "write for example 20ms")
    return milliseconds


def format_count(count: float) -> str:
    """A count for people, with k, M, G or T (powers of 1000).

    >>> format_count(40_550_400), format_count(640)
    ('40.55 M', '640')
    """
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= factor:
            return f"{count / factor:.2f} {prefix}"
    return f"{count:,.0f}"
