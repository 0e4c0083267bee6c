"""From activations to their levels, and from a layer's sums to its output: one pass each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from costmodels.errors import KernelError

__all__ = ["Levels", "affine", "levels_of"]


@dataclass(frozen=True)
class Levels:
    """What activations are rounded to: scale * (level - zero_point), the levels being 0 to 2^bits - 1."""

    scale: float
    zero_point: int
    bits: int


def levels_of(values: np.ndarray, of: Levels) -> np.ndarray:
    """The levels of values that `explorer.measurement.activation_ranges.fake_quantize` has rounded.

    Args:
        values: float32 in C order.
        of: what they are rounded to.

    Returns:
        whole numbers from 0 to 2^bits - 1 in uint8 or uint16, of the same shape.

    Raises:
        KernelError: a value is beyond the levels, or no number.
    """
    levels = np.empty(values.shape, np.uint8 if of.bits <= 8 else np.uint16)
    if not _round(values.reshape(-1), 1 / of.scale, of.zero_point, 2**of.bits - 1, levels.reshape(-1)):
        rule = f"rounded activations are {-of.zero_point * of.scale:.6g} and the {2**of.bits - 1} levels above it"
        raise KernelError(rule, "others", "check that weights and inputs are finite")
    return levels


@njit(cache=True, nogil=True)
def _round(values: np.ndarray, steps: float, zero_point: int, highest: int, levels: np.ndarray) -> bool:
    """Whether every value has a level; half a level each way is let pass, NaN is not."""
    lowest_step, highest_step, faults = -0.5, highest + 0.5, 0
    for place in range(len(values)):
        step = values[place] * steps + zero_point
        inside = lowest_step < step < highest_step
        faults += not inside
        levels[place] = np.int32(step + 0.5) if inside else 0
    return faults == 0


@njit(cache=True, nogil=True)
def affine(sums: np.ndarray, factors: np.ndarray, shifts: np.ndarray, out: np.ndarray) -> None:
    """Every row times its factor, plus its shift, rounded once.

    Args:
        sums: (n, positions), of any type.
        factors: (n,) float64.
        shifts: (n,) float64.
        out: (n, positions) float32.
    """
    for row in range(len(sums)):
        factor: Any = factors[row]
        shift: Any = shifts[row]
        for place in range(sums.shape[1]):
            out[row, place] = sums[row, place] * factor + shift
