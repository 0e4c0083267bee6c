"""N:M sparse weights, read with their places from their streams: sparse rows over the windows of the input."""

from costmodels.kernels.engine.banks import sum_dtype
from costmodels.kernels.engine.group_rows import GroupRows
from costmodels.kernels.engine.kernel import FLOAT
from costmodels.kernels.engine.rows_kernel import RowsKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct"]


def direct(packed: PackedLayer, activation_bits: int) -> RowsKernel:
    """Integers exactly, from codes and integer activations; otherwise float32."""
    shape, located, scheme = packed.shape, locate(packed), packed.scheme
    kept, group = scheme.kept, scheme.group  # type: ignore[attr-defined]
    rows = GroupRows.of(located["index"], located["weights"], kept, group, shape.kernel_area)
    dtype, width = FLOAT, rows.values.width
    if FLOAT_BITS not in (width, activation_bits):
        places = shape.group_inputs * shape.kernel_area // group * kept
        dtype = sum_dtype(places << width + activation_bits)
    return RowsKernel(shape, rows, dtype, output_scales(packed))
