"""Weights of few bits against activations of b bits, one bit plane of each at a time.

Weights are several filters of +-1 for each filter. With s_q = 2*bit_q - 1 of a code's rank (`costmodels.codes`),

    codes of 1 and 2 bits:  w = sum of 2^q * s_q
    codes of 3 bits on:     w = (sum of 2^q * s_q - 1) / 2,
    codes -1, 0 and 1:      w = (s + t) / 2, with s = 1 from zero on and t = 1 above zero, else -1,

so their sums are those of `costmodels.kernels.engine.binary`, added up under small factors; the -1 takes one more
filter, of all ones. Popcount(x and w) summed over planes of unsigned ranks is the same sum and a multiple of the
window's own.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from costmodels.codes import has_zero, ranks_of_codes
from costmodels.kernels.engine.binary import SignBank
from costmodels.kernels.engine.planes import Planes, pack_planes
from costmodels.shapes import ConvShape

__all__ = ["BitSerialBank", "SignPlanes", "code_planes"]


@dataclass(frozen=True, eq=False)
class SignPlanes:
    """Weights as filters of +-1: w is the sum of factor times sign, or (sum - 1) / 2, or sum / 2.

    Args:
        signs: (g, filters, s, kh, kw) of booleans, True for +1: the first plane of all k filters, then the next one;
            last a filter of all ones, where there is one.
        factors: (planes,) int64.
        has_ones: whether a filter of all ones is subtracted, before the sum is halved.
        is_halved: whether the sum is halved as it is.
    """

    signs: np.ndarray
    factors: np.ndarray
    has_ones: bool = False
    is_halved: bool = False

    @property
    def filters(self) -> int:
        """k."""
        return (int(self.signs.shape[1]) - self.has_ones) // len(self.factors)


def code_planes(codes: np.ndarray, bits: int) -> SignPlanes:
    """The planes of codes of `costmodels.codes`, the lowest first.

    Args:
        codes: (g, k, s, kh, kw) integers.
        bits: of a code.
    """
    if bits == 1:
        return SignPlanes(codes > 0, np.ones(1, np.int64))
    ranks = ranks_of_codes(codes, bits)
    planes = [(ranks >> plane) & 1 for plane in range(bits)]
    has_ones = bool(has_zero(bits))
    if has_ones:
        planes.append(np.ones_like(ranks[:, :1]))
    factors = np.left_shift(1, np.arange(bits))
    return SignPlanes(np.concatenate(planes, axis=1) > 0, factors, has_ones)


@dataclass(frozen=True, eq=False)
class BitSerialBank:
    """A bank of filters of few bits on bit planes; exact.

    Args:
        shape: the layer.
        blocks: equal parts of the input channels, the groups or the segments of each.
        planes: the filters.
        activation_bits: of a value of the image.
    """

    shape: ConvShape
    blocks: int
    planes: SignPlanes
    activation_bits: int

    @property
    def filters(self) -> int:
        """Of a group."""
        return self.planes.filters

    @cached_property
    def signs(self) -> SignBank:
        """The filters of all planes."""
        return SignBank(self.shape, self.planes.signs)

    def read(self, image: np.ndarray) -> Planes:
        """The bit planes of the image.

        Raises:
            KernelError: its values have more bits.
        """
        return pack_planes(image, self.activation_bits, self.shape, self.blocks)

    def maps(self, inputs: Planes, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """As `Bank.maps`."""
        planes = self.planes
        if len(planes.factors) == 1:
            self.signs.maps(inputs, first, last, out, start)
            return
        sums = np.empty((self.blocks, self.signs.filters, last - first), out.dtype)
        self.signs.maps(inputs, first, last, sums, first)
        target = out[:, :, first - start : last - start]
        _combine(sums, planes.factors, planes.has_ones, planes.is_halved, target)


@njit(cache=True, nogil=True)
def _combine(sums: np.ndarray, factors: np.ndarray, has_ones: bool, is_halved: bool, out: np.ndarray) -> None:
    blocks, filters, positions = out.shape
    for block in range(blocks):
        for item in range(filters):
            line = np.zeros(positions, sums.dtype)
            for plane in range(len(factors)):
                part = sums[block, plane * filters + item]
                for place in range(positions):
                    line[place] += part[place] * factors[plane]
            if has_ones:
                ones = sums[block, len(factors) * filters]
                for place in range(positions):
                    line[place] = (line[place] - ones[place]) // 2
            elif is_halved:
                for place in range(positions):
                    line[place] //= 2
            out[block, item] = line
