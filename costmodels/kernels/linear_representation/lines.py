"""A padded image as one flat array, in which windows start at every place and a tile of places is contiguous.

Places count along the lines of the padded image, so that the element of a window lies a constant offset after its
place, and sums over windows are sums of rows that are shifted. A few places at the end of each line are no output: they
are computed and not stored. The padding to the right of a line and that to the left of the next one are the same zeros.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from costmodels.kernels.engine.kernel import FLOAT
from costmodels.kernels.engine.windows import padded, windows
from costmodels.kernels.linear_representation.tiles import LANES, aligned_zeros
from costmodels.shapes import ConvShape, Pair

__all__ = ["Lines", "columns_of", "flatten", "gather", "lines_of"]


@dataclass(frozen=True, eq=False)
class Lines:
    """Where things lie.

    Args:
        step: from a channel to the next.
        offsets: (kh*kw,) int32, from a place to the elements of its window.
        line: places from an output line to the next.
        sizes: H', W'.
        stride: places from an output to the next.
    """

    step: int
    offsets: np.ndarray
    line: int
    sizes: Pair
    stride: int

    @property
    def places(self) -> int:
        """From the first output to the last one."""
        return self.line * (self.sizes[0] - 1) + self.stride * (self.sizes[1] - 1) + 1


@lru_cache(maxsize=256)
def lines_of(shape: ConvShape) -> Lines:
    """The lines of the image itself."""
    (top, bottom), (left, right) = shape.pads
    height, width = shape.input_size
    line = width + max(left, right)
    down, along = (np.arange(size) * step for size, step in zip(shape.kernel, shape.dilation, strict=True))
    offsets = (down[:, None] * line + along).reshape(-1).astype(np.int32)
    return Lines(
        -(-((top + height + bottom) * line + left) // LANES) * LANES,
        offsets,
        line * shape.stride[0],
        shape.output_size,
        shape.stride[1],
    )


@lru_cache(maxsize=256)
def columns_of(shape: ConvShape) -> Lines:
    """Lines of windows: the elements of all windows apart, where outputs are not next to each other in the image."""
    step = -(-shape.positions // LANES) * LANES
    offsets = np.arange(shape.kernel_area, dtype=np.int32) * step
    return Lines(step * shape.kernel_area, offsets, shape.positions, (1, shape.positions), 1)


def flatten(image: np.ndarray, shape: ConvShape, spare: int) -> np.ndarray:
    """The image as `lines_of` has it, with so many zeros to read beyond its end."""
    lines, ((top, _), (left, right)) = lines_of(shape), shape.pads
    line = shape.input_size[1] + max(left, right)
    flat = aligned_zeros(len(image) * lines.step + spare)
    steps = [flat.itemsize * step for step in (lines.step, line, 1)]
    np.lib.stride_tricks.as_strided(flat[top * line + left :], image.shape, steps)[:] = image
    return flat


def gather(image: np.ndarray, shape: ConvShape, spare: int) -> np.ndarray:
    """The image as `columns_of` has it, with so many zeros to read beyond its end."""
    lines, rows = columns_of(shape), len(image) * shape.kernel_area
    flat = aligned_zeros(len(image) * lines.step + spare)
    columns = flat[: rows * (lines.step // shape.kernel_area)].reshape(rows, -1)
    columns[:, : shape.positions] = windows(padded(image, shape, FLOAT), shape, 0, shape.positions)
    return flat
