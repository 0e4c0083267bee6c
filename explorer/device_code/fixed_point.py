"""Fixed point: how a real factor and shift become integers, and how a sum becomes a level. What the C computes.

A sum s of a layer stands for the real output y = M*s + B. With q = y in units of the output's level, the level is

    (s*m + b*2^(r - f) + 2^(r - 1)) >> r,    M = m / 2^r,  B = b / 2^f,

in 64 bits: one rounding, to the nearest level, halves up. A multiplier is one number of 32 bits: m has 26 of them,
with its sign, and r the lowest 6. Biases have 32 bits and one fraction f a step. What is wanted of M and B in real
numbers is rounded once, when the program is written: m to 25 bits where b leaves room for them, b to 2^-f of a level.

Derived; the idea of integer multipliers is that of B. Jacob et al., CVPR 2018, arXiv 1712.05877, section 2.2.
"""

import math
from dataclasses import dataclass

import numpy as np

from explorer.system.errors import DeviceCodeError

__all__ = ["FLOAT_FRACTION", "LEVEL_FRACTION", "SHIFT_BITS", "FixedPoint", "fixed_point", "fixed_values"]

SHIFT_BITS = 6
"""Of a multiplier: r, 0 to 63; m has the other 26."""

MANTISSA_BITS = 25
"""Of |m|."""

LEVEL_FRACTION, FLOAT_FRACTION = 16, 30
"""Most binary digits behind the point of a bias: of levels, and of an output in floats."""

MOST_SHIFT = 62
WORD_LIMIT = 2.0**31


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Factors and shifts of the channels of a step.

    Args:
        multipliers: (n,) or (1,) int32, m*64 + r each.
        biases: (n,) or (1,) int32.
        fraction: f.
    """

    multipliers: np.ndarray
    biases: np.ndarray
    fraction: int

    def scaled(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """s*m + b*2^(r - f) in int64, and r.

        Args:
            sums: (..., n) integers.
        """
        mantissas, shifts = self.multipliers.astype(np.int64) >> SHIFT_BITS, self.multipliers.astype(np.int64) & 63
        return sums.astype(np.int64) * mantissas + self.biases * (np.int64(1) << (shifts - self.fraction)), shifts

    def levels(self, sums: np.ndarray) -> np.ndarray:
        """The rounded levels, not yet clipped.

        Args:
            sums: (..., n) integers.
        """
        scaled, shifts = self.scaled(sums)
        found: np.ndarray = (scaled + (np.int64(1) << (shifts - 1))) >> shifts
        return found

    def floats(self, sums: np.ndarray) -> np.ndarray:
        """float32 outputs: the fixed-point number rounded to the nearest float.

        Args:
            sums: (..., n) integers.
        """
        scaled, shifts = self.scaled(sums)
        return scaled.astype(np.float32) * np.ldexp(np.float32(1), -shifts.astype(np.int32))


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
        DeviceCodeError: a number is not finite, or beyond what 32 bits hold.
    """
    largest = float(np.abs(shifts).max(initial=0.0))
    if not (np.isfinite(factors).all() and math.isfinite(largest)):
        raise DeviceCodeError("factors and shifts are finite", "others", "check the weights", where=what)
    sizes = np.abs(factors)
    natural = np.where(sizes > 0, MANTISSA_BITS - np.frexp(sizes)[1], MOST_SHIFT)
    room = (WORD_LIMIT - 1) / largest if largest > 0 else math.inf  # infinite for the smallest floats, too
    whole = math.floor(math.log2(room)) if math.isfinite(room) else most_fraction
    fraction = min(most_fraction, whole, int(natural.min()))
    if fraction < 0 or natural.min() < 1:
        found = f"factors up to {sizes.max():.3g} and shifts up to {largest:.3g} levels"
        remedy = "calibrate the activations on data like those of the deployed network"
        raise DeviceCodeError("factors and shifts of levels have 32 bits", found, remedy, where=what)
    shift = np.minimum(natural.min() if one_shift else natural, min(fraction + 31, MOST_SHIFT))
    shift = np.broadcast_to(shift, factors.shape)
    mantissas = np.rint(np.ldexp(factors, shift)).astype(np.int64)
    mantissas = np.clip(mantissas, 1 - (1 << MANTISSA_BITS), (1 << MANTISSA_BITS) - 1)
    multipliers = ((mantissas << SHIFT_BITS) + shift).astype(np.int32)
    biases = np.rint(np.ldexp(shifts, fraction)).astype(np.int64)
    multipliers = multipliers if one_shift else _one_if_equal(multipliers)
    return FixedPoint(multipliers, _one_if_equal(np.clip(biases, -(2**31), 2**31 - 1)), fraction)


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
    """One value in the place of many that are equal, int32."""
    kept = values[:1] if (values == values[0]).all() else values
    found: np.ndarray = kept.astype(np.int32)
    return found
