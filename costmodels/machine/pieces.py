"""What the parts of a kernel have in common: blocks of positions, ragged ends, copies, and what stays near the core."""

from costmodels.conventions import FLOAT_BITS
from costmodels.machine.limits import CACHED_VALUES, LEAST_BLOCK
from costmodels.shapes import ConvShape

__all__ = ["block_of", "copied_values", "far_share", "padded_values", "parts", "spans", "whole", "window_values"]

NEAR_VALUES = 1 << 18
"""Values of 32 bits in 1 MiB, the second-level cache of many cores."""


def block_of(positions: int, values: int) -> int:
    """Positions to take at once, where each takes so many values: equal parts of all of them."""
    most = max(LEAST_BLOCK, CACHED_VALUES // max(1, values))
    return parts(positions, parts(positions, most))


def spans(positions: int, values: int) -> list[int]:
    """The blocks of output positions in which a kernel runs that holds ``values`` for each.

    >>> spans(100, 1 << 13), spans(3, 1 << 30)
    ([50, 50], [3])
    """
    block = block_of(positions, values)
    return [min(block, positions - first) for first in range(0, positions, block)]


def parts(count: int, size: int) -> int:
    """Parts of at most ``size``, the last one ragged."""
    return -(-count // size)


def whole(count: int, size: int) -> int:
    """The count with its last part made whole."""
    return parts(count, size) * size


def padded_values(shape: ConvShape) -> int:
    """Values of the image with its padding."""
    height, width = (size + sum(pads) for size, pads in zip(shape.input_size, shape.pads, strict=True))
    return shape.in_channels * height * width


def copied_values(shape: ConvShape, activation_bits: int, words: int = 1) -> int:
    """Values of the image copied before it is read: none where floats need no padding."""
    is_ready = activation_bits == FLOAT_BITS and words == 1 and shape.pads == ((0, 0), (0, 0))
    return 0 if is_ready else padded_values(shape)


def window_values(shape: ConvShape) -> int:
    """Values copied into columns; a 1x1 kernel that takes every position reads the image as it lies."""
    if shape.kernel_area == 1 and shape.stride == (1, 1):
        return 0
    return shape.in_channels * shape.kernel_area * shape.positions


def far_share(values: int) -> float:
    """The share of so many values, all of them read again and again, that does not stay near the core."""
    return max(0.0, 1 - NEAR_VALUES / values) if values else 0.0
