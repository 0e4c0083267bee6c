"""What the C program makes of a packed layer: the integers of its filters, and where it reads them.

A filter is decoded from the packed streams into integers of 16 bits. Where what is stored are codes, these are the
filter's own integers; where it is floats (weights, coefficients or scales of 32 bits) they are rounded to a unit of the
layer, 2^-e, in which the largest has 15 bits. Integers that do not fit 16 bits, or sums that could pass 32 bits on the
largest input, lose their lowest bits, rounded to the nearest, halves up. Then what is left is a unit for each filter,
the real value of 1, which the requantization takes up.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from costmodels.kernels.packing import Located
from explorer.deployment.device_code.fixed_point import fixed_values
from explorer.system.errors import DeviceCodeError

__all__ = [
    "LARGEST_FILTER",
    "LARGEST_SUM",
    "CodedFilters",
    "Fact",
    "Numbers",
    "PackedCodes",
    "Stream",
    "in_one_unit",
    "layer_facts",
    "narrowed",
    "numbers_of",
    "packed_codes",
    "scale_units",
    "stream_of",
]

LARGEST_FILTER = 2**15 - 1
LARGEST_SUM = 2**31 - 1
FLOAT_WIDTH = 32
TERM_BITS = 30
"""Of the larger term of a sum of two, in the unit in which the other is rounded, where the ratio of both lets it."""


@dataclass(frozen=True)
class Stream:
    """Bytes of the program's flash: a component of a packed layer as it is, or numbers made of it."""

    component: str
    data: bytes


Fact: TypeAlias = "int | str | Stream | Mapping[str, Fact] | None"
"""A field of a C structure: a number, a name, a pointer to a stream or to nothing, or a structure."""


@dataclass(frozen=True, eq=False)
class CodedFilters:
    """A layer's filters in the C program.

    Args:
        kernel: the C source that decodes them, ``filterfront_<kernel>.c``, with the structure and the function of the
            same name.
        facts: the structure's fields.
        filters: (n, c/g, kh, kw) int16: what is decoded.
        units: (n,) float64: the real value of 1.
        work_bytes: of scratch that decoding takes, in addition to the filter.
        note: what of it is no copy of the packed layer, in words.
        packed: the codes, where weights are codes from the first byte of their stream on that lose no bits.
    """

    kernel: str
    facts: Mapping[str, Fact]
    filters: np.ndarray
    units: np.ndarray
    work_bytes: int = 0
    note: str = ""
    packed: "PackedCodes | None" = None


@dataclass(frozen=True)
class PackedCodes:
    """Codes in flash that C may multiply as they are.

    Args:
        stream: where they lie.
        width: bits of each.
        down: a weight is 2^down times its code, plus the offset.
        offset: of weights.
    """

    stream: Stream
    width: int
    down: int
    offset: int


def stream_of(located: Located) -> Stream:
    """The stream that an array lies in, byte by byte as it is packed."""
    return Stream(located.field.component, located.stream.data)


@dataclass(frozen=True, eq=False)
class Numbers:
    """An array of stored numbers as the program reads it.

    Args:
        values: int64, in the array's shape.
        unit: the real value of 1.
        fact: the C structure.
        note: what of it is no copy of what is packed, in words.
    """

    values: np.ndarray
    unit: float
    fact: Fact
    note: str = ""


def numbers_of(located: Located, array: np.ndarray) -> Numbers:
    """Codes, which are integers; or floats in a unit of 2^-e in which the largest has 15 bits.

    Floats that are packed in fewer than 32 bits are stored as float32 in the program.

    Args:
        located: where they lie.
        array: codes, or float32.
    """
    width = located.field.values.width
    if array.dtype.kind != "f":
        fact: Fact = {"stream": stream_of(located), "start": located.start, "width": width, "exponent": 0}
        return Numbers(array.astype(np.int64), 1.0, fact)
    exponent = _exponent(float(np.abs(array).max(initial=0.0)))
    stream, start, note = stream_of(located), located.start, ""
    if width != FLOAT_WIDTH:
        stream, start = Stream(located.field.component, array.astype("<f4").tobytes()), 0
        note = f"{located.field.component} of {width} bits as floats of {FLOAT_WIDTH}"
    fact = {"stream": stream, "start": start, "width": FLOAT_WIDTH, "exponent": exponent}
    return Numbers(fixed_values(array, exponent), 2.0**-exponent, fact, note)


def packed_codes(
    located: Located, filters: np.ndarray, shift: int, largest_input: int, down: int, offset: int
) -> PackedCodes | None:
    """The codes of weights that stand alone in their stream; None where they do not, or where sums could pass 32 bits.

    Args:
        located: the weights.
        filters: (n, c/g, kh, kw), as the program has them.
        shift: bits that they lost.
        largest_input: the largest magnitude of an input level less its zero point.
        down: a weight is 2^down times its code, plus the offset.
        offset: of weights.
    """
    width = located.field.values.width
    if shift or located.start or (filters[0].size << width) * largest_input > LARGEST_SUM:
        return None
    return PackedCodes(stream_of(located), width, down, offset)


def layer_facts(filters: np.ndarray, shift: int) -> dict[str, Fact]:
    """The fields that every form has: channels and taps of a filter, and the bits that it loses."""
    return {"members": filters.shape[1], "taps": filters.shape[2] * filters.shape[3], "shift": shift}


def _exponent(largest: float) -> int:
    """e with largest * 2^e of 15 bits."""
    if not largest:
        return 0
    exponent = 15 - math.frexp(largest)[1]
    return exponent - (math.floor(math.ldexp(largest, exponent) + 0.5) > LARGEST_FILTER)


def narrowed(filters: np.ndarray, largest_input: int) -> tuple[np.ndarray, int]:
    """Filters in 16 bits whose sums fit 32.

    Args:
        filters: (n, c/g, kh, kw) int64.
        largest_input: the largest magnitude of an input level less its zero point.

    Returns:
        (int16 of the same shape; the bits that all of them lost).
    """
    shift = 0
    while True:
        shifted = (filters + (1 << shift >> 1)) >> shift
        sizes = np.abs(shifted).reshape(len(filters), -1)
        if sizes.max(initial=0) <= LARGEST_FILTER and sizes.sum(1).max(initial=0) * largest_input <= LARGEST_SUM:
            return shifted.astype(np.int16), shift
        shift += 1


def scale_units(arrays: Mapping[str, np.ndarray], filters: np.ndarray, unit: float) -> np.ndarray:
    """(n,): the unit times the scale of the filter or of the layer, where there is one."""
    scales = arrays["scales"].astype(np.float64) if "scales" in arrays else np.ones(1)
    units: np.ndarray = unit * np.broadcast_to(scales.reshape(-1), len(filters))
    return units


def in_one_unit(first: np.ndarray, second: np.ndarray, unit: float, second_unit: float) -> tuple[int, int, float]:
    """Integers alpha and beta that bring two terms into one unit: alpha a power of two, beta the nearest integer.

    Args:
        first: integers.
        second: integers.
        unit: the real value of 1 of the first.
        second_unit: likewise of the second.

    Returns:
        alpha, beta, and the real value of 1 of alpha * first + beta * second.

    Raises:
        DeviceCodeError: the second unit is so much larger that 62 bits do not hold both.
    """
    if not second.any() or not second_unit:
        return 1, 0, unit or 1.0
    if not unit or not first.any():
        return 0, 1, second_unit
    ratio = second_unit / unit
    bits = max(min(TERM_BITS - int(np.abs(first).max()).bit_length(), 30 - math.frexp(abs(ratio))[1]), 0)
    beta = round(math.ldexp(ratio, bits))
    if abs(beta) >= 2**31:
        rule = "the scales of a layer are less than 2^31 times as large as one another"
        raise DeviceCodeError(rule, f"{ratio:.3g} times as large", "fit the layer in another form")
    return 1 << bits, beta, math.ldexp(unit, -bits)
