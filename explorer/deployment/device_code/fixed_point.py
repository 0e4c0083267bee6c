"""Fixed point: how a real factor and shift become integers, and how a sum becomes a level. What the C computes.

A sum s of a layer stands for the real output y = M*s + B. With q = y in units of the output's level, the level is

    (s*m + b*2^(r - f) + 2^(r - 1)) >> r,    M = m / 2^r,  B = b / 2^f,

in 64 bits: one rounding, to the nearest level, halves up. A multiplier is one number of 16 bits: m has 13 of them, with
its sign, and the lowest 3 are what r is beyond the least r of the step, that of its largest factor. Biases have one
fraction f a step, and 16 bits where these reach 2^-6 of a level; biases of outputs in floats have 32. What is wanted of
M and B in real numbers is rounded once, when the program is written: M to a share of 2^-12, or to the same in levels
where it is less than 2^-7 of the step's largest, and B to half of 2^-f.

Derived; the idea of integer multipliers is that of B. Jacob et al., CVPR 2018, arXiv 1712.05877, section 2.2.
"""

import math
from dataclasses import dataclass

import numpy as np

from explorer.system.errors import DeviceCodeError

__all__ = ["FLOAT_FRACTION", "LEVEL_FRACTION", "SHIFT_BITS", "FixedPoint", "fixed_point", "fixed_values"]

SHIFT_BITS = 3
"""Of a multiplier: of r, what is beyond that of the largest; m has the other 13."""

MANTISSA_BITS = 12
"""Of |m|."""

NARROW_FRACTION = 6
"""Binary digits behind the point that biases of 16 bits have to leave."""

LEVEL_FRACTION, FLOAT_FRACTION = 16, 30
"""Most binary digits behind the point of a bias: of levels, and of an output in floats."""

STEEPEST, BESIDE_STEEP = 2.0**11 - 1, 2.0**10
"""Levels: of one unit of a sum at most, as with shifts below the second number any sum but 0 is clipped then."""

MOST_SHIFT = 62
NARROW_LIMIT, WORD_LIMIT = 2.0**15, 2.0**31


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Factors and shifts of the channels of a step.

    Args:
        multipliers: (n,) or (1,) int16, m*8 + r - shift each.
        biases: (n,) or (1,) int16 or int32.
        fraction: f.
        shift: the least r.
    """

    multipliers: np.ndarray
    biases: np.ndarray
    fraction: int
    shift: int

    @property
    def mantissas(self) -> np.ndarray:
        """m: (n,) or (1,) int64."""
        return self.multipliers.astype(np.int64) >> SHIFT_BITS

    @property
    def shifts(self) -> np.ndarray:
        """r: (n,) or (1,) int64."""
        return (self.multipliers.astype(np.int64) & ((1 << SHIFT_BITS) - 1)) + self.shift

    def scaled(self, sums: np.ndarray) -> np.ndarray:
        """s*m + b*2^(r - f) in int64.

        Args:
            sums: (..., n) integers.
        """
        shares = np.int64(1) << (self.shifts - self.fraction)
        found: np.ndarray = sums.astype(np.int64) * self.mantissas + self.biases * shares
        return found

    def levels(self, sums: np.ndarray) -> np.ndarray:
        """The rounded levels, not yet clipped.

        Args:
            sums: (..., n) integers.
        """
        shifts = self.shifts
        found: np.ndarray = (self.scaled(sums) + (np.int64(1) << (shifts - 1))) >> shifts
        return found

    def floats(self, sums: np.ndarray) -> np.ndarray:
        """float32 outputs: the fixed-point number rounded to the nearest float.

        Args:
            sums: (..., n) integers.
        """
        return self.scaled(sums).astype(np.float32) * np.ldexp(np.float32(1), -self.shifts.astype(np.int32))


def fixed_point(
    factors: np.ndarray, shifts: np.ndarray, most_fraction: int, what: str, one_shift: bool = False
) -> FixedPoint:
    """The integers of M and B.

    Args:
        factors: M, (n,) or (1,) float64, in levels of the output (or its own unit, where that is floats).
        shifts: B, likewise.
        most_fraction: `LEVEL_FRACTION` or `FLOAT_FRACTION`.
        what: the step, for the message.
        one_shift: whether all multipliers have the same r: that of the largest.

    Raises:
        DeviceCodeError: a number is not finite, or beyond what its bits hold.
    """
    largest = float(np.abs(shifts).max(initial=0.0))
    if not (np.isfinite(factors).all() and math.isfinite(largest)):
        raise DeviceCodeError("factors and shifts are finite", "others", "check the weights", where=what)
    if most_fraction == LEVEL_FRACTION and largest < BESIDE_STEEP and not one_shift:
        factors = np.clip(factors, -STEEPEST, STEEPEST)
    sizes = np.abs(factors)
    natural = np.where(sizes > 0, MANTISSA_BITS - np.frexp(sizes)[1], MOST_SHIFT)
    least, narrow = int(natural.min()), _most_fraction(NARROW_LIMIT, largest, most_fraction)
    is_narrow = most_fraction == LEVEL_FRACTION and narrow >= NARROW_FRACTION
    fraction = min(narrow if is_narrow else _most_fraction(WORD_LIMIT, largest, most_fraction), least)
    if fraction < 0 or least < 1:
        found = f"factors up to {sizes.max():.3g} and shifts up to {largest:.3g} levels"
        remedy = "calibrate the activations on data like those of the deployed network"
        raise DeviceCodeError("factors are below 2^11 levels, and shifts below 2^31", found, remedy, where=what)
    shift = min(least, fraction + 31, MOST_SHIFT)
    beyond = 0 if one_shift else (1 << SHIFT_BITS) - 1
    right = np.broadcast_to(np.clip(natural, shift, min(shift + beyond, fraction + 31, MOST_SHIFT)), factors.shape)
    mantissas = np.rint(np.ldexp(factors, right)).astype(np.int64)
    mantissas = np.clip(mantissas, 1 - (1 << MANTISSA_BITS), (1 << MANTISSA_BITS) - 1)
    multipliers = ((mantissas << SHIFT_BITS) + (right - shift)).astype(np.int16)
    biases = np.rint(np.ldexp(shifts, fraction)).astype(np.int64)
    biases = biases.astype(np.int16 if is_narrow else np.int32)
    return FixedPoint(multipliers if one_shift else _one_if_equal(multipliers), _one_if_equal(biases), fraction, shift)


def _most_fraction(limit: float, largest: float, most: int) -> int:
    """Most binary digits behind the point of whole numbers below a limit; numbers are rounded to halves at most."""
    room = (limit - 1) / largest if largest > 0 else math.inf  # infinite for the smallest floats, too
    return min(most, math.floor(math.log2(room))) if math.isfinite(room) else most


def fixed_values(values: np.ndarray, exponent: int) -> np.ndarray:
    """Floats times 2^exponent as integers, halves away from zero; as the C does with the bits of a float32.

    Args:
        values: float32.
        exponent: of the unit, 2^-exponent.
    """
    scaled = np.ldexp(values.astype(np.float64), exponent)
    found: np.ndarray = (np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)).astype(np.int64)
    return found


def _one_if_equal(values: np.ndarray) -> np.ndarray:
    """One value in the place of many that are equal."""
    return values[:1] if (values == values[0]).all() else values
