"""Weights of +-1 against bit planes of activations: the XNOR-popcount kernel that every integer kernel builds on.

Channels lie along the bits of 64-bit words. Let w be signs and x one bit plane, zeros where the input is padded. Over
the bits of a window, and with bit 1 for +1,

    sum of w*x = popcount(w) - popcount(w xor x),

padding and the unused bits of a last word included: where x is 0 both terms are the same. Activations of b bits are b
planes times powers of two, the highest one negative in two's complement. Activations of +-1 are 1 at each element that
is not padding, less 2 where they are -1; the sum of the former over w is known beforehand, by the window's place.

One register tile does the work (`costmodels.kernels.engine.sign_tiles`), which knows the instruction sets.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numba import njit

from costmodels.kernels.engine.planes import Planes
from costmodels.kernels.engine.sign_tiles import NIBBLES, PARTS, in_parts, tile
from costmodels.machine.limits import LANES, ROWS
from costmodels.shapes import ConvShape

__all__ = ["SignBank"]

MOST_TILES = 64
"""One after the other for the same filters."""

NEAR_WORDS = 2560
"""Words of windows, 20 KiB, that stay in a first-level cache."""


LOW = np.uint64(NIBBLES)


@dataclass(frozen=True, eq=False)
class SignBank:
    """Filters of +-1, a bank for each group, ready to run.

    Args:
        shape: the layer.
        signs: (g, k, s, kh, kw) of -1 and 1, or booleans, True for +1.
    """

    shape: ConvShape
    signs: np.ndarray
    _known: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    @property
    def filters(self) -> int:
        """k, of a group."""
        return int(self.signs.shape[1])

    @cached_property
    def words(self) -> np.ndarray:
        """(g, ceil(k / LANES), kh*kw*words*PARTS, LANES) uint64; zeros where there is no filter."""
        groups, filters, channels, *kernel = self.signs.shape
        bits = np.moveaxis(self.signs > 0, 2, -1)
        padded = np.zeros((groups, -(-filters // LANES) * LANES, *kernel, -(-channels // 64) * 64), bool)
        padded[:, :filters, ..., :channels] = bits
        packed = np.packbits(padded, axis=-1, bitorder="little").view("<u8").astype(np.uint64)
        lanes = in_parts(packed.reshape(groups, -1, LANES, packed[0, 0].size))
        return np.ascontiguousarray(np.moveaxis(lanes, 2, 3))

    @cached_property
    def _ones(self) -> np.ndarray:
        """(g, k): elements that are +1."""
        return np.asarray((self.signs > 0).sum(axis=(2, 3, 4), dtype=np.int64))

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Which elements of the window are not padding: the distinct cases (cases, kh, kw), and each position's."""
        shape, cases, of_positions = self.shape, [], []
        for axis in range(2):
            size, pads = shape.input_size[axis], shape.pads[axis]
            starts = np.arange(shape.output_size[axis]) * shape.stride[axis] - pads[0]
            taps = starts[:, None] + np.arange(shape.kernel[axis]) * shape.dilation[axis]
            distinct, index = np.unique((taps >= 0) & (taps < size), axis=0, return_inverse=True)
            cases.append(distinct)
            of_positions.append(index.reshape(-1))
        inside = cases[0][:, None, :, None] & cases[1][None, :, None, :]
        index = of_positions[0][:, None] * len(cases[1]) + of_positions[1]
        return inside.reshape(-1, *shape.kernel), index.reshape(-1)

    @cached_property
    def _sums(self) -> np.ndarray:
        """(g, cases, k): the sum of a filter's elements that are not padding."""
        taps = np.where(self.signs > 0, 1, -1).sum(axis=2, dtype=np.int64)
        return np.asarray(np.einsum("gkyx,cyx->gck", taps, self._places[0].astype(np.int64)))

    def _bases(self, planes: Planes) -> tuple[np.ndarray, np.ndarray]:
        """What the sums start from (g, cases, filters of whole lanes), and the case of each position."""
        key = int(planes.factors.sum()), planes.signs
        if key not in self._known:
            self._known[key] = self._make_bases(planes)
        return self._known[key]

    def _make_bases(self, planes: Planes) -> tuple[np.ndarray, np.ndarray]:
        bases = (self._ones * planes.factors.sum())[:, None]
        places = np.zeros(self.shape.positions + ROWS, np.int64)  # whole tiles from any position on
        if planes.signs:
            bases = bases + self._sums
            places[:-ROWS] = self._places[1]
        padded = np.zeros((*bases.shape[:2], self.words.shape[1] * LANES), np.int64)
        padded[..., : self.filters] = bases
        return padded, places

    def maps(self, planes: Planes, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """The sum of every filter with its window, at the output positions from ``first`` to ``last`` - 1.

        Args:
            planes: blocks (groups times segments) of s channels.
            first: the first position.
            last: the position after the last.
            out: (blocks, k, positions), int32, int64 or float32, in C order.
            start: the column of ``out`` that takes the first position.
        """
        bases, places = self._bases(planes)
        origins, offsets = _addresses(self.shape, planes.words.shape[2:])
        blocks = planes.words.reshape(len(planes.words), -1)
        _maps(blocks, planes.factors, self.words, bases, places, origins, offsets, first, last, start, out)


@lru_cache(maxsize=256)
def _addresses(shape: ConvShape, sizes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where each position's window starts in the words of a block, and from there the words of a window.

    Args:
        shape: the layer.
        sizes: (W + pads, words, planes).
    """
    width, pixel = sizes[0], sizes[1] * sizes[2]
    y, x = (np.arange(size) * step for size, step in zip(shape.output_size, shape.stride, strict=True))
    down, right = (np.arange(size) * step for size, step in zip(shape.kernel, shape.dilation, strict=True))
    origins = np.zeros(shape.positions + ROWS, np.int64)  # whole tiles from any position on
    origins[:-ROWS] = (y[:, None] * width + x).reshape(-1) * pixel
    offsets = (down[:, None] * width + right)[..., None] * pixel + np.arange(pixel)
    return origins, offsets.reshape(-1)


@njit(cache=True, nogil=True)
def _maps(
    planes: np.ndarray,
    factors: np.ndarray,
    weights: np.ndarray,
    bases: np.ndarray,
    places: np.ndarray,
    origins: np.ndarray,
    offsets: np.ndarray,
    first: int,
    last: int,
    origin: int,
    out: np.ndarray,
) -> None:
    """Tiles of four positions, their windows side by side; then the filters of a register over some tiles in a row.

    The sums of a filter are thus written as whole cache lines, one after the other.
    """
    blocks, filters, span = out.shape
    flat, sums = out.reshape(-1), np.zeros(LANES * ROWS, out.dtype)
    tiles = max(1, min(MOST_TILES, NEAR_WORDS // (len(offsets) * ROWS)))
    rows = np.zeros((tiles, len(offsets) * PARTS, ROWS), np.uint64)
    for block in range(blocks):
        group = block // (blocks // weights.shape[0])
        bank, starts, source = weights[group], bases[group], planes[block]
        for begin in range(first, last, tiles * ROWS):
            end = min(last, begin + tiles * ROWS)
            for start in range(begin, end, ROWS):
                _gather(source, origins[start : start + ROWS], offsets, len(factors), rows[(start - begin) // ROWS])
            for lane in range(0, filters, LANES):
                for start in range(begin, end, ROWS):
                    count, cases = min(ROWS, end - start), places[start : start + ROWS]
                    windows = rows[(start - begin) // ROWS]
                    target = (block * filters + lane) * span + start - origin
                    if count == ROWS and lane + LANES <= filters:
                        tile(windows, bank, starts, factors, cases, lane, flat, target, span)
                    else:
                        tile(windows, bank, starts, factors, cases, lane, sums, 0, ROWS)
                        for item in range(min(LANES, filters - lane)):
                            for row in range(count):
                                flat[target + item * span + row] = sums[item * ROWS + row]


@njit(cache=True, nogil=True)
def _gather(source: np.ndarray, origins: np.ndarray, offsets: np.ndarray, planes: int, rows: np.ndarray) -> None:
    """The words of ``ROWS`` windows in their parts; unsigned places, which are not counted from the end."""
    for word in range(len(offsets)):
        offset = np.uint64(offsets[word])
        low = word + word // planes * planes if PARTS == 2 else word
        for row in range(ROWS):
            bits = source[np.uint64(origins[row]) + offset]
            if PARTS == 2:
                rows[low, row] = bits & LOW
                rows[low + planes, row] = bits >> np.uint64(4) & LOW
            else:
                rows[low, row] = bits
