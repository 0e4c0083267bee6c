"""Dense weights: a bank with a filter for every output, zero points taken off its codes."""

import numpy as np

from costmodels.kernels.engine.banks import ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import Stream
from costmodels.kernels.packing import Located, PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct"]


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Integers exactly, from codes and integer activations; otherwise float32, the codes read from their stream."""
    shape, located, bits = packed.shape, locate(packed), packed.scheme.filter_bits
    scales, zeros = output_scales(packed), _zeros(located)
    bank = shape.groups, shape.group_outputs, shape.group_inputs, *shape.kernel
    if FLOAT_BITS in (bits, activation_bits):
        stream = Stream.of(located["weights"])

        def weights() -> np.ndarray:
            codes = stream.floats(shape.out_channels, -1)
            return (codes if zeros is None else codes - zeros).reshape(*bank[:2], -1)

        product = ProductBank(shape, shape.groups, bank[1], weights, FLOAT)
        return BankKernel(shape, product, FLOAT, scales=scales)
    codes = located["weights"].unpack().reshape(shape.out_channels, -1)
    codes = (codes if zeros is None else codes - zeros).reshape(bank)
    dtype = sum_dtype(largest_sum(codes, activation_bits))
    return BankKernel(shape, integer_bank(shape, bank[0], codes, bits, activation_bits), dtype, scales=scales)


def _zeros(located: dict[str, Located]) -> np.ndarray | None:
    """Zero points, (n, 1) or (1, 1) int32 for the codes of each filter; none where the layer stores none."""
    return located["zeros"].unpack().astype(np.int32)[:, None] if "zeros" in located else None
