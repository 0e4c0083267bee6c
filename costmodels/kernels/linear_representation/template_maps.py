"""The compiled loops of convolve-then-add: maps of some channels, and the shares of them that filters add."""

import numpy as np
from numba import njit

from costmodels.kernels.linear_representation.tiles import MOST_SUMS, TILE, add_rows, weigh_rows

__all__ = ["add_tiles"]


@njit(cache=True, nogil=True)
def add_tiles(
    source: np.ndarray,
    offsets: np.ndarray,
    banks: np.ndarray,
    channels: np.ndarray,
    blocks: np.ndarray,
    kernels: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    scan: tuple[int, int, int, int, int, int],
    maps: np.ndarray,
    sums: np.ndarray,
    out: np.ndarray,
) -> None:
    """The tiles of places from the first to the last but one, block of channels by block.

    Args:
        source: (values,) float32, the input in lines.
        offsets: (kh*kw,) int32, as of `Lines`.
        banks: as of the plan.
        channels: as of the plan.
        blocks: as of the plan.
        kernels: the plan's rows, factors, boxes and b.
        scan: first and last tile, floats of a channel, places from an output line to the next, H', W'.
        maps: (values,) float32, room for the rows of a block.
        sums: (values,) float32, room for one row of each filter.
        out: (n, H'W').
    """
    rows, factors, boxes, b = kernels
    first_tile, last_tile, step, line, height, width = scan
    for start in range(first_tile * TILE, last_tile * TILE, TILE):
        group = -1
        for block in range(len(blocks)):
            first, last, begin, end, kernel = blocks[block]
            fresh, group = begin != group, begin
            _fill_maps(source, start, step, offsets, banks, channels, first, last, maps)
            for i in range(begin, end):
                at = kernel + (i - begin) * (last - first)
                add_rows(maps, 0, rows, factors, at, at + last - first, sums, i * TILE, fresh)
            if len(b):
                for i in range(begin, end, MOST_SUMS):
                    at, count = kernel + (i - begin) * (last - first), min(MOST_SUMS, end - i)
                    steps = 1, last - first
                    weigh_rows(maps, 0, boxes, first, last, b, at, steps, sums, i * TILE, TILE, count, False)
        _store(sums, start, line, height, width, out)


@njit(cache=True, nogil=True)
def _fill_maps(
    source: np.ndarray,
    start: int,
    step: int,
    offsets: np.ndarray,
    banks: np.ndarray,
    channels: np.ndarray,
    first: int,
    last: int,
    maps: np.ndarray,
) -> None:
    """The maps of a block's channels, one after the other; those of a channel in nearly equal parts."""
    area, row = len(offsets), 0
    for channel in range(first, last):
        at, left = channels[channel]
        for parts in range(-(-left // MOST_SUMS), 0, -1):
            count = -(-left // parts)
            place = row * TILE
            steps = 1, area
            weigh_rows(
                source, channel * step + start, offsets, 0, area, banks, at, steps, maps, place, TILE, count, True
            )
            at, row, left = at + count * area, row + count, left - count


@njit(cache=True, nogil=True)
def _store(sums: np.ndarray, start: int, line: int, height: int, width: int, out: np.ndarray) -> None:
    """Those of the places that are outputs."""
    flat = out.reshape(-1)
    for i in range(len(out)):
        for y in range(start // line, min(height, (start + TILE - 1) // line + 1)):
            first = max(0, start - y * line)
            count = min(width, start + TILE - y * line) - first
            source, target = (
                np.uint64(i * TILE + y * line + first - start),
                np.uint64(i * height * width + y * width + first),
            )
            for x in range(np.uint64(count)):
                flat[target + x] = sums[source + x]
