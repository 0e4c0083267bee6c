"""Narrow scales: floats of 16 bits, or logarithms of 8 or 4 bits with one header of 16 bits a layer.

| bits | a scale is | a layer stores |
|---|---|---|
| 32 | float32 | 32 bits a scale |
| 16 | IEEE half | 16 bits a scale |
| 8, 4 | 2^((code - offset) / steps), or 0 | 8 or 4 bits a scale, and the header |

A half has 11 bits from 2^-14 on and fewer below: scales of very small weights are better off as logarithms.

The header says what the codes mean (`Grid`): where the layer's greatest scale lies, how many levels an octave has,
whether code 0 is zero, and whether the highest bit of a code is a sign. So layers whose scales are all positive, which
are almost all, lose no bit to a sign, and layers whose scales lie close together get a fine grid: the number of steps
is the finest that does not cut off the small scales (`_grid`). The grids of a layer are nested, and a rounded scale
rounds to itself.

Derived, and measured on trained networks: the mean over layers of the increase of the squared error of weights of 1,
2, 3 and 4 bits with a scale a filter, the codes found again at the rounded scale. DS-CNN and ResNet-8 of MLPerf Tiny:

| bits | steps | DS-CNN | ResNet-8 |
|---|---|---|---|
| 16 | | 0.00, 0.00, 0.00, 0.00% | 0.00, 0.00, 0.00, 0.00% |
| 8 | 64 or fewer | 0.00, 0.01, 0.04, 0.18% | 0.00, 0.01, 0.02, 0.08% |
| 8 | 16 | 0.03, 0.16, 0.59, 2.40% | 0.03, 0.09, 0.28, 1.09% |
| 4 | 16 or fewer | 0.11, 0.99, 4.49, 13.09% | 0.08, 0.53, 1.37, 5.01% |
| 4 | 8 | 0.15, 1.01, 3.19, 9.40% | 0.38, 0.81, 1.75, 4.62% |
| 4 | 4 | 0.55, 2.34, 8.03, 23.17% | 0.43, 1.16, 2.76, 8.67% |
| 4 | 2 | 2.12, 7.96, 21.60, 51.78% | 1.65, 4.70, 10.11, 18.25% |

Eight steps at 4 bits do well where a layer's scales span two octaves; MobileNet's span five and more, and there they
cost 16.8, 38.7, 19.9 and 27.8%, the steps chosen for each layer 0.5, 2.6, 16.1 and 30.7%.
"""

from dataclasses import dataclass

import numpy as np

from costmodels.errors import CostModelError
from costmodels.numbers import Count, select

__all__ = ["HEADER_BITS", "SCALE_BITS", "Grid", "round_scales", "scale_codes", "scale_storage_bits", "scale_values"]

SCALE_BITS = (32, 16, 8, 4)
"""Widths of a stored scale."""

HEADER_BITS = 16
"""Of a layer's logarithmic scales."""

STEPS = {8: (64, 32, 16, 8), 4: (16, 8, 4, 2)}
"""Levels an octave, by width: the finest first."""

HALF_LEAST, HALF_GREATEST = 2.0**-24, 65504.0
LEAST_EXPONENT, GREATEST_EXPONENT = -126, 128
NEGLIGIBLE = 2.0**-24
"""Scales below this share of the layer's greatest are zero: float32 sums of both do not show them."""

FARTHEST = 1.0
"""Octaves of rounding that count in full when a grid is chosen: a scale that is cut off counts no more than that."""


@dataclass(frozen=True)
class Grid:
    """What the codes of a layer's logarithmic scales mean: the header.

    Args:
        bits: of a code, 8 or 4.
        top: index of the highest level, 2^(top / steps): from -2048 to 2047.
        steps: levels an octave.
        has_zero: whether the lowest code is 0 in place of a level.
        has_sign: whether the highest bit of a code says that the scale is negative.
    """

    bits: int
    top: int
    steps: int
    has_zero: bool = False
    has_sign: bool = False

    @property
    def levels(self) -> int:
        """Codes of a magnitude."""
        return 1 << (self.bits - self.has_sign)

    @property
    def lowest(self) -> int:
        """Index of code 0, whether that is a level or zero."""
        return self.top - self.levels + 1

    @property
    def header(self) -> int:
        """In 16 bits: zero flag, sign flag, the choice of steps in two, ``top`` in twelve as two's complement."""
        choice = STEPS[self.bits].index(self.steps)
        return self.has_zero | self.has_sign << 1 | choice << 2 | (self.top & 0xFFF) << 4

    @classmethod
    def of_header(cls, header: int, bits: int) -> "Grid":
        """The inverse of `header`.

        Args:
            header: 0 to 65535.
            bits: of a code.
        """
        top = ((header >> 4) ^ 0x800) - 0x800
        return cls(bits, top, STEPS[bits][header >> 2 & 3], bool(header & 1), bool(header >> 1 & 1))


def scale_storage_bits(bits: Count, scales: Count) -> Count:
    """Bits of a layer's scales: bits each, and the header where they are logarithms; 0 where there are none.

    Args:
        bits: of a scale, one of `SCALE_BITS` or a column of them.
        scales: how many the layer has.
    """
    header = select(bits < 16, HEADER_BITS, 0)
    return bits * scales + select(scales > 0, header, 0 * header)


def round_scales(values: np.ndarray, bits: int) -> np.ndarray:
    """Scales as they are read back: the nearest that can be stored, on a logarithmic scale at 8 and 4 bits.

    Args:
        values: the scales of a layer, float, finite, of any shape. They are rounded together: the greatest decides
            where the grid lies.
        bits: one of `SCALE_BITS`.

    Returns:
        float32 of the same shape; rounding them again changes nothing. Zeros stay zero and signs stay. At 16 bits
        magnitudes are kept within those of IEEE half, above zero. At 8 and 4 bits a scale below 2^-24 of the greatest
        or below 2^-126 becomes 0, and one below the grid its lowest level.

    Raises:
        CostModelError: a value is not finite in float32, or there are no scales of so many bits.

    >>> round_scales(np.array([0.11, 0.2, 0.5, 0.0]), 4)
    array([0.10511205, 0.2102241 , 0.5       , 0.        ], dtype=float32)
    """
    floats = _checked(values, bits)
    if bits == 32:
        return floats
    if bits == 16:
        magnitudes = np.clip(np.abs(floats), HALF_LEAST, HALF_GREATEST)
        halves: np.ndarray = np.where(floats == 0, 0, np.copysign(magnitudes, floats)).astype(np.float16)
        return halves.astype(np.float32)
    return scale_values(*scale_codes(floats, bits))


def scale_codes(values: np.ndarray, bits: int) -> tuple[np.ndarray, Grid]:
    """Codes of a layer's logarithmic scales, and what they mean.

    Args:
        values: see `round_scales`.
        bits: 8 or 4.

    Returns:
        (codes of the shape of ``values``, int32 from 0 to 2^bits - 1; their grid).

    Raises:
        CostModelError: see `round_scales`.
    """
    floats = _checked(values, bits).astype(np.float64)
    magnitudes = np.abs(floats)
    least = max(2.0**LEAST_EXPONENT, NEGLIGIBLE * magnitudes.max(initial=0.0))
    is_zero = magnitudes < least
    if is_zero.all():
        return np.zeros(floats.shape, np.int32), Grid(bits, 0, STEPS[bits][0], True)
    octaves = np.log2(np.where(is_zero, least, magnitudes))
    is_negative = (floats < 0) & ~is_zero
    grid = _grid(octaves[~is_zero], bits, bool(is_zero.any()), bool(is_negative.any()))
    indices = np.maximum(_indices(octaves, grid.steps), grid.lowest + grid.has_zero)
    codes = np.where(is_zero, 0, indices - grid.lowest).astype(np.int32)
    return codes + np.where(is_negative, grid.levels, 0).astype(np.int32), grid


def scale_values(codes: np.ndarray, grid: Grid) -> np.ndarray:
    """The scales of codes, float32 of their shape.

    Args:
        codes: whole numbers from 0 to 2^bits - 1.
        grid: what they mean.
    """
    numbers = codes.astype(np.int64)
    ranks = numbers & (grid.levels - 1)
    fractions = np.array([2.0 ** (step / grid.steps) for step in range(grid.steps)]).astype(np.float32)
    octaves, steps = np.divmod(ranks + grid.lowest, grid.steps)
    with np.errstate(over="ignore", under="ignore"):  # of a damaged header; the caller looks
        magnitudes = np.ldexp(fractions[steps], octaves)
    if grid.has_zero:
        magnitudes = np.where(ranks == 0, np.float32(0), magnitudes)
    signed: np.ndarray = np.where(numbers >= grid.levels, -magnitudes, magnitudes)
    return signed


def _grid(octaves: np.ndarray, bits: int, has_zero: bool, has_sign: bool) -> Grid:
    """The steps that leave the least sum of squared roundings in octaves, the finest of several.

    Args:
        octaves: logarithms to base 2 of the magnitudes that are not zero.
        bits: of a code.
        has_zero: whether a code is zero.
        has_sign: whether there is a sign.
    """
    best, least = None, np.inf
    for steps in STEPS[bits]:
        indices = _indices(octaves, steps)
        grid = Grid(bits, int(indices.max()), steps, has_zero, has_sign)
        if not -0x800 <= grid.top < 0x800:
            continue
        rounded = np.maximum(indices, grid.lowest + has_zero) / steps
        error = float(np.minimum(np.square(rounded - octaves), FARTHEST).sum())
        if error < least - 1e-12:
            best, least = grid, error
    assert best is not None  # noqa: S101 (the coarsest steps reach over all of float32)
    return best


def _indices(octaves: np.ndarray, steps: int) -> np.ndarray:
    """The nearest levels, within the normal numbers of float32."""
    limits = LEAST_EXPONENT * steps, GREATEST_EXPONENT * steps - 1
    indices: np.ndarray = np.clip(np.rint(octaves * steps), *limits).astype(np.int64)
    return indices


def _checked(values: np.ndarray, bits: int) -> np.ndarray:
    """The values in float32.

    Raises:
        CostModelError: there are no scales of so many bits, or a value is not finite.
    """
    if bits not in SCALE_BITS:
        raise CostModelError("scale_bits is 32, 16, 8 or 4", bits, "choose one of them")
    with np.errstate(over="ignore"):
        floats: np.ndarray = np.asarray(values).astype(np.float32)
    if not np.isfinite(floats).all():
        raise CostModelError("scales are finite in float32", "others", "fit finite weights")
    return floats
