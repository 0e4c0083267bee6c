"""Weights of b bits against activations of b bits, one bit plane of each at a time.

Weights of b bits are b filters of +-1 for each filter: with s_q = 2*bit_q - 1 of a code's rank (`costmodels.codes`),

    codes of 1 and 2 bits:  w = sum of 2^q * s_q
    codes of 3 bits on:     w = (sum of 2^q * s_q - 1) / 2,

so their sums are those of `costmodels.kernels.engine.binary`, added up as powers of two; the -1 takes one more filter,
of all ones. Popcount(x and w) summed over planes of unsigned ranks is the same sum next to the window's own sum.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from costmodels.codes import has_zero, ranks_of_codes
from costmodels.kernels.engine.binary import SignBank
from costmodels.kernels.engine.planes import Planes, pack_planes
from costmodels.shapes import ConvShape

__all__ = ["BitSerialBank"]


@dataclass(frozen=True, eq=False)
class BitSerialBank:
    """A bank of b-bit filters on bit planes; exact.

    Args:
        shape: the layer.
        blocks: equal parts of the input channels, the groups or the segments of each.
        codes: (g, k, s, kh, kw) integers.
        weight_bits: of a code.
        activation_bits: of a value of the image.
    """

    shape: ConvShape
    blocks: int
    codes: np.ndarray
    weight_bits: int
    activation_bits: int

    @property
    def filters(self) -> int:
        """Of a group."""
        return int(self.codes.shape[1])

    @cached_property
    def signs(self) -> SignBank:
        """The planes of all filters, the lowest first; then the filter of all ones, where one is needed."""
        if self.weight_bits == 1:
            return SignBank(self.shape, self.codes > 0)
        ranks = ranks_of_codes(self.codes, self.weight_bits)
        planes = [(ranks >> plane) & 1 for plane in range(self.weight_bits)]
        if has_zero(self.weight_bits):
            planes.append(np.ones_like(ranks[:, :1]))
        return SignBank(self.shape, np.concatenate(planes, axis=1) > 0)

    def read(self, image: np.ndarray) -> Planes:
        """The bit planes of the image.

        Raises:
            KernelError: its values have more bits.
        """
        return pack_planes(image, self.activation_bits, self.shape, self.blocks)

    def maps(self, inputs: Planes, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """As `Bank.maps`."""
        if self.weight_bits == 1:
            self.signs.maps(inputs, first, last, out, start)
            return
        sums = np.empty((self.blocks, self.signs.filters, last - first), out.dtype)
        self.signs.maps(inputs, first, last, sums, first)
        _combine(sums, self.weight_bits, has_zero(self.weight_bits), out[:, :, first - start : last - start])


@njit(cache=True, nogil=True)
def _combine(sums: np.ndarray, planes: int, halved: bool, out: np.ndarray) -> None:
    blocks, filters, positions = out.shape
    for block in range(blocks):
        for item in range(filters):
            line = np.zeros(positions, sums.dtype)
            for plane in range(planes):
                part = sums[block, plane * filters + item]
                for place in range(positions):
                    line[place] += part[place] * (1 << plane)
            if halved:
                ones = sums[block, planes * filters]
                for place in range(positions):
                    line[place] = (line[place] - ones[place]) // 2
            out[block, item] = line
