"""Pruned weights, read with their places from their streams: sparse rows over the windows of the input."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from costmodels.kernels.engine.banks import sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, scale_into
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import SparseRows
from costmodels.kernels.engine.windows import padded, windows
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.machine.pieces import block_of
from costmodels.schemes.base import FLOAT_BITS
from costmodels.shapes import ConvShape

__all__ = ["PrunedKernel", "direct"]


@dataclass(frozen=True, eq=False)
class PrunedKernel:
    """Sparse rows over windows.

    Args:
        shape: the layer.
        rows: of each output.
        dtype: of the sums.
        scales: (n,), or none.
    """

    shape: ConvShape
    rows: SparseRows
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


def direct(packed: PackedLayer, activation_bits: int) -> PrunedKernel:
    """Integers exactly, from codes and integer activations; otherwise float32."""
    shape, located = packed.shape, locate(packed)
    rows = SparseRows.of(located, "weights", shape.group_inputs * shape.kernel_area)
    dtype = FLOAT
    if FLOAT_BITS not in (rows.values.width, activation_bits):
        dtype = sum_dtype(rows.row_places << rows.values.width + activation_bits)
    return PrunedKernel(shape, rows, dtype, output_scales(packed))
