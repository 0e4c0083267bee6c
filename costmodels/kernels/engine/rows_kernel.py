"""Sparse rows over the windows of the input: the kernel of forms whose filters store some of their weights."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from costmodels.kernels.engine.kernel import FLOAT, scale_into
from costmodels.kernels.engine.windows import padded, windows
from costmodels.machine.pieces import block_of
from costmodels.shapes import ConvShape

__all__ = ["Rows", "RowsKernel"]


class Rows(Protocol):
    """Sparse rows as they are stored."""

    def mix(self, maps: np.ndarray, out: np.ndarray) -> None:
        """Sums of the maps of places under their values.

        Args:
            maps: (g, places of a row, positions).
            out: (n, positions), of the type of the maps.
        """


@dataclass(frozen=True, eq=False)
class RowsKernel:
    """Sparse rows over windows.

    Args:
        shape: the layer.
        rows: of each output.
        dtype: of the sums.
        scales: (n,), or none.
    """

    shape: ConvShape
    rows: Rows
    dtype: np.dtype
    scales: np.ndarray | None
    uses_blas: ClassVar[bool] = False

    @property
    def units(self) -> int:
        """Output positions."""
        return self.shape.positions

    @property
    def block(self) -> int:
        """Positions whose windows stay near the core."""
        return block_of(self.units, self.shape.in_channels * self.shape.kernel_area)

    @property
    def output_dtype(self) -> np.dtype:
        """That of the sums, or float32 where they are scaled."""
        return self.dtype if self.scales is None else FLOAT

    def read(self, image: np.ndarray) -> np.ndarray:
        """The padded image in the type of the sums."""
        return padded(image, self.shape, self.dtype)

    def run(self, inputs: np.ndarray, first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        lines = np.ascontiguousarray(windows(inputs, self.shape, first, last))  # of 1x1 windows a view with gaps
        columns = lines.reshape(self.shape.groups, -1, last - first)
        sums = np.empty((self.shape.out_channels, last - first), self.dtype)
        self.rows.mix(columns, sums)
        scale_into(sums, self.scales, out[:, first:last])
