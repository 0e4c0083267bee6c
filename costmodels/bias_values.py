"""Narrow biases: whole numbers of 16 bits with one exponent of 8 bits that a layer's values have in common.

| bits | a value is | a layer of n output channels stores |
|---|---|---|
| 32 | float32 | 32 n bits |
| 16 | code * 2^exponent, code from -32767 to 32767 | 16 n bits, and 8 |

The exponent is the least under which the greatest magnitude has a code, so a value is off by at most 2^-15 of the
greatest magnitude. Rounded values round to themselves.
"""

import math

import numpy as np

from costmodels.errors import CostModelError
from costmodels.numbers import Count

__all__ = [
    "BIAS_BITS",
    "EXPONENT_BITS",
    "bias_bytes",
    "bias_codes",
    "bias_storage_bits",
    "bias_values",
    "check_bias_bits",
    "codes_of_bytes",
    "round_biases",
]

BIAS_BITS = (32, 16)
"""Widths of a stored bias."""

EXPONENT_BITS = 8
"""Of the exponent that a layer's biases of 16 bits share."""

MOST = 2**15 - 1
LEAST_EXPONENT, GREATEST_EXPONENT = -128, 113
"""One that fits 8 bits; and one with which all codes are finite in float32."""

_REMEDY = "store them with 32 bits"


def check_bias_bits(bits: object) -> None:
    """Refuses other widths of biases.

    Raises:
        CostModelError: with what is allowed.
    """
    if isinstance(bits, bool) or bits not in BIAS_BITS:
        raise CostModelError("bias_bits is 32 or 16", str(bits), "choose one of them")


def bias_storage_bits(bits: int, values: Count) -> Count:
    """Bits of the biases of one set of output channels, the shared exponent among them.

    Args:
        bits: of a value, one of `BIAS_BITS`.
        values: how many there are, at least one.

    >>> bias_storage_bits(32, 10), bias_storage_bits(16, 10)
    (320, 168)
    """
    return bits * values + (EXPONENT_BITS if bits < 32 else 0)


def bias_codes(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Biases as codes of 16 bits, and their exponent.

    Args:
        values: (n,) floats.

    Returns:
        (codes, int16 of the same shape; exponent, -128 to 127): the values are codes * 2^exponent.

    Raises:
        CostModelError: a value is not finite, or beyond float32.

    >>> bias_codes(np.array([1.0, -0.25]))
    (array([16384, -4096], dtype=int16), -14)
    """
    floats = np.asarray(values).astype(np.float64)
    greatest = float(np.abs(floats).max(initial=0.0))
    if not math.isfinite(greatest) or greatest > float(np.finfo(np.float32).max):
        raise CostModelError("biases of 16 bits are finite in float32", "others", "fit finite weights")
    if greatest == 0:
        return np.zeros(floats.shape, np.int16), 0
    exponent = max(LEAST_EXPONENT, math.frexp(greatest)[1] - 15)  # greatest / 2^exponent is from 2^14 to below 2^15
    if round(math.ldexp(greatest, -exponent)) > MOST and exponent < GREATEST_EXPONENT:
        exponent += 1
    codes = np.clip(np.rint(np.ldexp(floats, -exponent)), -MOST, MOST)
    return codes.astype(np.int16), exponent


def bias_values(codes: np.ndarray, exponent: int) -> np.ndarray:
    """The biases of codes, float64 of their shape, exact in float32.

    Args:
        codes: whole numbers of 16 bits.
        exponent: that they share.
    """
    values: np.ndarray = np.ldexp(codes.astype(np.float64), exponent)
    return values


def round_biases(values: np.ndarray, bits: int = 16) -> np.ndarray:
    """Biases as they are read back, float64 of their shape.

    Args:
        values: (n,) floats.
        bits: one of `BIAS_BITS`.

    Raises:
        CostModelError: as `bias_codes`, or there are no biases of so many bits.

    >>> round_biases(np.array([1.0, 0.1])) * 2**14
    array([16384.,  1638.])
    """
    check_bias_bits(bits)
    if bits == 32:
        floats: np.ndarray = np.asarray(values).astype(np.float32).astype(np.float64)
        return floats
    return bias_values(*bias_codes(values))


def bias_bytes(values: np.ndarray) -> np.ndarray:
    """The bytes of biases of 16 bits: the codes, the low byte of each first, and then the exponent.

    Args:
        values: (n,) floats.

    Returns:
        (2n + 1,) uint8.
    """
    codes, exponent = bias_codes(values)
    return np.frombuffer(codes.astype("<i2").tobytes() + exponent.to_bytes(1, "little", signed=True), np.uint8)


def codes_of_bytes(stored: np.ndarray) -> tuple[np.ndarray, int]:
    """The codes and the exponent in what `bias_bytes` gives.

    Args:
        stored: (2n + 1,) uint8.

    Raises:
        CostModelError: a code is -32768, which no bias has.
    """
    content = stored.tobytes()
    codes = np.frombuffer(content[:-1], "<i2").astype(np.int16)
    if (codes < -MOST).any():
        raise CostModelError("codes of biases are from -32767 to 32767", "-32768", "export it again")
    return codes, int.from_bytes(content[-1:], "little", signed=True)
