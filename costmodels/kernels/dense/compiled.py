"""Dense weights: a bank with a filter for every output."""

from costmodels.kernels.engine.banks import ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import Stream
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct"]


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Integers exactly, from codes and integer activations; otherwise float32, the codes read from their stream."""
    shape, located = packed.shape, locate(packed)
    scales, bits = output_scales(packed), located["weights"].field.values.width
    bank = shape.groups, shape.group_outputs, shape.group_inputs, *shape.kernel
    if FLOAT_BITS in (bits, activation_bits):
        stream = Stream.of(located["weights"])
        product = ProductBank(shape, shape.groups, bank[1], lambda: stream.floats(*bank[:2], -1), FLOAT)
        return BankKernel(shape, product, FLOAT, scales=scales)
    codes = located["weights"].unpack().reshape(bank)
    dtype = sum_dtype(largest_sum(codes, activation_bits))
    return BankKernel(shape, integer_bank(shape, bank[0], codes, bits, activation_bits), dtype, scales=scales)
