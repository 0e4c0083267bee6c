"""The compiled loops of add-then-convolve: sums of channels for some filters, and their convolutions."""

import numpy as np
from numba import njit

from costmodels.kernels.linear_representation.tiles import MOST_SUMS, TILE, add_rows, weigh_rows

__all__ = ["convolve_tiles"]


@njit(cache=True, nogil=True)
def convolve_tiles(
    source: np.ndarray,
    kernels: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    templates: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    offsets: np.ndarray,
    width: int,
    scan: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int, int, int, int, int, int],
    sums: np.ndarray,
    results: np.ndarray,
    out: np.ndarray,
) -> None:
    """Some output lines, and of these some filters of a group, at a time.

    Args:
        source: (values,) float32, the input in lines.
        kernels: the plan's rows, factors, b and channels.
        templates: its starts, ends, templates and elements.
        offsets: (kh*kw,) int32, as of `Lines`.
        width: of a kernel.
        scan: first and last filter, how many at once, rows of sums that a filter has room for, filters and channels of
            a group.
        sizes: output lines at once, floats of a result and of a sum, places from an output line to the next and from an
            output, H', W'.
        sums: (values,) float32, room for the sums of the filters at once.
        results: (values,) float32, room for one row of a kernel's results for each of its columns.
        out: (n, H'W').
    """
    first, last, at_once, slots, outputs, inputs = scan
    some, extent, reach, line, stride, height, columns = sizes
    starts, ends, chosen, elements = templates
    area = len(offsets)
    weights, places = np.zeros(slots * area, np.float32), np.zeros(slots * (area // width), np.int32)
    for y in range(0, height, some):
        begin = first
        while begin < last:
            group = begin // outputs
            end = min(begin + at_once, last, (group + 1) * outputs)
            for start in range(0, reach, TILE):
                at = y * line + start
                _add_channels(source, at, kernels, starts, ends, begin, end, slots, reach, start, sums)
                if len(kernels[2]) > 0:
                    _add_boxes(source, at, kernels, group * inputs, inputs, begin, end, slots, reach, start, sums)
            for i in range(begin, end):
                has_boxes, sum_count = len(kernels[2]) > 0, starts[i + 1] - starts[i]
                _choose(chosen, elements, starts[i], starts[i + 1], has_boxes, area, weights)
                rows = _place(offsets, width, sum_count, slots, reach, has_boxes, places)
                _convolve(sums, (i - begin) * slots * reach, places, rows, weights, offsets, width, extent, results)
                for row in range(min(some, height - y)):
                    target = (y + row) * columns
                    for x in range(columns):
                        out[i, target + x] = results[row * line + x * stride]
            begin = end


@njit(cache=True, nogil=True)
def _add_channels(
    source: np.ndarray, at: int, kernels: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], starts: np.ndarray,
    ends: np.ndarray, begin: int, end: int, slots: int, reach: int, start: int, sums: np.ndarray,
) -> None:  # fmt: skip
    """One row of the sums of some filters, each under its a."""
    rows, factors = kernels[0], kernels[1]
    for i in range(begin, end):
        place = (i - begin) * slots * reach + start
        for item in range(starts[i], starts[i + 1]):
            kernel = ends[item - 1] if item > 0 else 0
            add_rows(source, at, rows, factors, kernel, ends[item], sums, place, True)
            place += reach


@njit(cache=True, nogil=True)
def _add_boxes(
    source: np.ndarray, at: int, kernels: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], channel: int,
    inputs: int, begin: int, end: int, slots: int, reach: int, start: int, sums: np.ndarray,
) -> None:  # fmt: skip
    """One row of the sums under b, which come last."""
    b, channels = kernels[2], kernels[3]
    for i in range(begin, end, MOST_SUMS):
        place = ((i - begin) * slots + slots - 1) * reach + start
        weigh_rows(
            source, at, channels, channel, channel + inputs, b, i * inputs, (1, inputs), sums, place, slots * reach,
            min(MOST_SUMS, end - i), True,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _choose(
    templates: np.ndarray, elements: np.ndarray, first: int, last: int, has_boxes: bool, area: int, weights: np.ndarray
) -> None:
    """The elements of a filter's templates one after the other, and ones."""
    for item in range(last - first):
        for element in range(area):
            weights[item * area + element] = elements[templates[first + item] * area + element]
    if has_boxes:
        weights[(last - first) * area : (last - first + 1) * area] = 1


@njit(cache=True, nogil=True)
def _place(
    offsets: np.ndarray, width: int, sums: int, slots: int, reach: int, has_boxes: bool, rows: np.ndarray
) -> int:
    """Where the lines of every template start in the sums of a filter; returns how many there are."""
    lines, count = len(offsets) // width, 0
    for item in range(sums + has_boxes):
        slot = slots - 1 if item == sums else item
        for line in range(lines):
            rows[count] = slot * reach + offsets[line * width]
            count += 1
    return count


@njit(cache=True, nogil=True)
def _convolve(
    sums: np.ndarray, at: int, places: np.ndarray, rows: int, weights: np.ndarray, offsets: np.ndarray, width: int,
    extent: int, results: np.ndarray,
) -> None:  # fmt: skip
    """The sums of a filter under the columns of its templates, which are then shifted and added."""
    for start in range(0, extent, TILE):
        for column in range(0, width, MOST_SUMS):
            weigh_rows(
                sums, at + start, places, 0, rows, weights, column, (width, 1), results, column * extent + start,
                extent, min(MOST_SUMS, width - column), True,
            )  # fmt: skip
    for column in range(1, width):
        shift = column * extent + offsets[column]
        for place in range(extent - offsets[column]):
            results[place] += results[shift + place]
