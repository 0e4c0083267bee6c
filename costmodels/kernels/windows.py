"""Windows of an image as columns, and convolutions as matrix products of them.

A matrix product is no kernel of this project: numpy's BLAS does it.
"""

import numpy as np
from numba import njit

from costmodels.shapes import ConvShape

__all__ = ["convolve", "windows"]


def windows(image: np.ndarray, shape: ConvShape, first: int, last: int) -> np.ndarray:
    """The windows of the output positions from ``first`` to ``last`` - 1: (c*kh*kw, last - first), zeros at padding.

    Args:
        image: (c, H, W), C order, of the type of the result.
    """
    plain = shape.kernel_area == 1 and shape.stride == (1, 1) and shape.output_size == shape.input_size
    if plain:
        return image.reshape(shape.in_channels, -1)[:, first:last]
    columns = np.empty((shape.in_channels * shape.kernel_area, last - first), image.dtype)
    geometry = *shape.kernel, *shape.stride, *shape.dilation, shape.output_size[1]
    _windows(image, geometry, (shape.pads[0][0], shape.pads[1][0]), first, columns)
    return columns


@njit(cache=True, nogil=True)
def _windows(
    image: np.ndarray, geometry: tuple[int, ...], pads: tuple[int, int], first: int, columns: np.ndarray
) -> None:
    tall, wide, down, right, row_step, column_step, width = geometry
    channels, height, breadth = image.shape
    count = columns.shape[1]
    for channel in range(channels):
        for y in range(tall):
            for x in range(wide):
                line = columns[(channel * tall + y) * wide + x]
                at = 0
                while at < count:
                    row, column = (first + at) // width, (first + at) % width
                    steps = min(width - column, count - at)
                    source_y = row * down + y * row_step - pads[0]
                    offset = column * right + x * column_step - pads[1]
                    if source_y < 0 or source_y >= height:
                        line[at : at + steps] = 0
                    else:
                        _copy(image[channel, source_y], offset, right, line[at : at + steps], breadth)
                    at += steps


@njit(cache=True, nogil=True)
def _copy(source: np.ndarray, offset: int, step: int, line: np.ndarray, breadth: int) -> None:
    """Every ``step``-th value from ``offset`` on, zeros outside the ``breadth`` of the source."""
    count = len(line)
    start = min(count, max(0, -(offset // step)))
    stop = max(start, min(count, (breadth - 1 - offset) // step + 1))
    line[:start] = 0
    if step == 1:
        for place in range(start, stop):
            line[place] = source[offset + place]
    else:
        for place in range(start, stop):
            line[place] = source[offset + place * step]
    line[stop:] = 0


def convolve(weights: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """A matrix product for each group, or segment.

    Args:
        weights: (g, n/g, values of a window). columns: (g * values of a window, positions). out: n rows of positions.
    """
    groups, outputs, size = weights.shape
    for group in range(groups):
        target = out[group] if out.ndim == 3 else out[group * outputs : (group + 1) * outputs]
        np.matmul(weights[group], columns[group * size : (group + 1) * size], out=target)
