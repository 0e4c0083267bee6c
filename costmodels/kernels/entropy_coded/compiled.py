"""Entropy-coded weights: matrix products with filters that are decoded again for each image."""

import numpy as np

from costmodels.kernels.engine.banks import ProductBank, largest_sum, sum_dtype
from costmodels.kernels.engine.coded import CodedWeights
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.machine.limits import FLOAT32_MOST
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct"]


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Integers exactly, from integer activations; otherwise float32."""
    shape, weights = packed.shape, locate(packed)["weights"]
    coded, sums = CodedWeights.of(weights), FLOAT
    factors: np.dtype = FLOAT
    if activation_bits != FLOAT_BITS:
        codes = coded.into(np.empty(shape.weight_shape, np.int16))
        largest = largest_sum(codes[None], activation_bits)
        sums, factors = sum_dtype(largest), np.dtype(np.float32 if largest <= FLOAT32_MOST else np.float64)
    sizes = shape.groups, shape.group_outputs, shape.group_inputs * shape.kernel_area
    product = ProductBank(shape, shape.groups, sizes[1], lambda: coded.into(np.empty(sizes, factors)), factors)
    return BankKernel(shape, product, sums, scales=output_scales(packed))
