"""How scales are stored: as floats of 32 or 16 bits, or as logarithms under a header (`costmodels.scales`)."""

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout.fields import Values, numbers
from costmodels.scales import HEADER_BITS, Grid, round_scales, scale_codes, scale_values

__all__ = ["scale_numbers"]


def scale_numbers(bits: int) -> Values:
    """Scales of ``bits`` bits, one of `costmodels.scales.SCALE_BITS`; unpacked they are float32."""
    if bits == 32:
        return numbers(bits)
    floats = numbers(32)
    return Values(
        dtype=floats.dtype,
        kinds=floats.kinds,
        rule=f"values are scales of {bits} bits",
        keeps=lambda values: floats.keeps(values) and np.array_equal(round_scales(values, bits), values),
        levels=1 << bits,
        encode=_half_bits if bits == 16 else lambda values: _codes(values, bits),
        decode=_halves if bits == 16 else lambda codes: _scales(codes, bits),
        width=bits,
        header=0 if bits == 16 else HEADER_BITS // bits,
    )


def _half_bits(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).view(np.uint16)


def _halves(bits: np.ndarray) -> np.ndarray:
    return bits.astype(np.uint16).view(np.float16).astype(np.float32)


def _codes(values: np.ndarray, bits: int) -> np.ndarray:
    """The header in numbers of ``bits`` bits, the lowest first, and the codes."""
    codes, grid = scale_codes(values, bits)
    header = grid.header >> np.arange(0, HEADER_BITS, bits) & (1 << bits) - 1
    return np.concatenate([header, codes])


def _scales(numbers: np.ndarray, bits: int) -> np.ndarray:
    """The inverse of `_codes`.

    Raises:
        KernelError: the scales are coded otherwise.
    """
    count = HEADER_BITS // bits
    header = int((numbers[:count].astype(np.int64) << np.arange(0, HEADER_BITS, bits)).sum())
    scales = scale_values(numbers[count:], Grid.of_header(header, bits))
    if not np.isfinite(scales).all() or not np.array_equal(_codes(scales, bits), numbers):
        raise KernelError("scales are coded on the finest grid that holds them", "another", "pack the layer again")
    return scales
