"""Windows of an image as columns, and convolutions as matrix products of them.

A matrix product is no kernel of this project: numpy's BLAS does it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numba import njit
from threadpoolctl import ThreadpoolController

from costmodels.shapes import ConvShape

__all__ = ["convolve", "one_blas_thread", "padded", "places", "windows"]

_LOCK = Lock()
_LIMITS: list[Any] = []
"""The limit, then one item for each call that is running."""


def padded(image: np.ndarray, shape: ConvShape, dtype: np.dtype) -> np.ndarray:
    """The image with the layer's padding of zeros, (c, H + pads, W + pads) of ``dtype`` in C order."""
    (top, bottom), (left, right) = shape.pads
    if top + bottom + left + right == 0:
        return np.ascontiguousarray(image, dtype)
    channels, height, width = image.shape
    out = np.zeros((channels, top + height + bottom, left + width + right), dtype)
    out[:, top : top + height, left : left + width] = image
    return out


def windows(image: np.ndarray, shape: ConvShape, first: int, last: int) -> np.ndarray:
    """The windows of the output positions from ``first`` to ``last`` - 1: (c*kh*kw, last - first).

    Args:
        image: (c, H + pads, W + pads), of `padded`; it says how many channels there are.
        shape: the layer, which says where its windows lie.
        first: the first position.
        last: the position after the last.
    """
    flat = image.reshape(len(image), -1)
    if shape.kernel_area == 1 and shape.stride == (1, 1):
        return flat[:, first:last]
    origins, offsets = places(shape)
    columns = np.empty((len(flat) * shape.kernel_area, last - first), image.dtype)
    _windows(flat, origins[first:last], offsets, columns)
    return columns


@lru_cache(maxsize=256)
def places(shape: ConvShape) -> tuple[np.ndarray, np.ndarray]:
    """Where the window of each position starts in a padded channel, and from there its elements."""
    width = shape.input_size[1] + sum(shape.pads[1])
    y, x = (np.arange(size) * step for size, step in zip(shape.output_size, shape.stride, strict=True))
    down, right = (np.arange(size) * step for size, step in zip(shape.kernel, shape.dilation, strict=True))
    origins, offsets = y[:, None] * width + x, down[:, None] * width + right
    return origins.reshape(-1).astype(np.uint64), offsets.reshape(-1).astype(np.uint64)


@njit(cache=True, nogil=True)
def _windows(image: np.ndarray, origins: np.ndarray, offsets: np.ndarray, columns: np.ndarray) -> None:
    """Unsigned places, which are not counted from the end."""
    for channel in range(len(image)):
        source = image[channel]
        for element in range(len(offsets)):
            offset, line = offsets[element], columns[channel * len(offsets) + element]
            for place in range(len(origins)):
                line[place] = source[origins[place] + offset]


def convolve(weights: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """A matrix product for each group, or segment.

    Args:
        weights: (g, n/g, values of a window).
        columns: (g * values of a window, positions).
        out: n rows of positions.
    """
    groups, outputs, size = weights.shape
    for group in range(groups):
        target = out[group] if out.ndim == 3 else out[group * outputs : (group + 1) * outputs]
        np.matmul(weights[group], columns[group * size : (group + 1) * size], out=target)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS adds no threads of its own, until the last of the calls that run at once is done."""
    with _LOCK:
        if not _LIMITS:
            _LIMITS.append(_blas().limit(limits=1, user_api="blas"))
        _LIMITS.append(None)
    try:
        yield
    finally:
        with _LOCK:
            _LIMITS.pop()
            if len(_LIMITS) == 1:
                _LIMITS.pop().restore_original_limits()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
