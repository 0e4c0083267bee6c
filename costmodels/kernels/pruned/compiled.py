"""Pruned weights, read with their places from their streams: sparse rows over the windows of the input."""

from costmodels.kernels.engine.banks import sum_dtype
from costmodels.kernels.engine.kernel import FLOAT
from costmodels.kernels.engine.rows_kernel import RowsKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import SparseRows
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct"]


def direct(packed: PackedLayer, activation_bits: int) -> RowsKernel:
    """Integers exactly, from codes and integer activations; otherwise float32."""
    shape, located = packed.shape, locate(packed)
    rows = SparseRows.of(located, "weights", shape.group_inputs * shape.kernel_area)
    dtype = FLOAT
    if FLOAT_BITS not in (rows.values.width, activation_bits):
        dtype = sum_dtype(rows.row_places << rows.values.width + activation_bits)
    return RowsKernel(shape, rows, dtype, output_scales(packed))
