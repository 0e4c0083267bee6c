"""Ternary weights: two bit planes of signs for integers of few bits, else matrix products."""

from collections.abc import Callable

import numpy as np

from costmodels.kernels.engine.banks import ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.bitserial import SignPlanes
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.packing import Located, PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct"]

CODES = np.array([-1, 0, 1, 0], np.float32)
"""By the ranks that two bits hold; the last one is refused before a kernel reads it."""


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Integers exactly, from integer activations; otherwise float32, the codes read from their stream."""
    shape, weights, scales = packed.shape, locate(packed)["weights"], output_scales(packed)
    bank = shape.groups, shape.group_outputs, shape.group_inputs, *shape.kernel
    if activation_bits == FLOAT_BITS:
        read = _reader(weights)
        product = ProductBank(shape, shape.groups, bank[1], lambda: read().reshape(*bank[:2], -1), FLOAT)
        return BankKernel(shape, product, FLOAT, scales=scales)
    codes = weights.unpack().reshape(bank)
    integers = integer_bank(shape, bank[0], codes, packed.scheme.filter_bits, activation_bits, _sign_planes)
    return BankKernel(shape, integers, sum_dtype(largest_sum(codes, activation_bits)), scales=scales)


def _reader(weights: Located) -> Callable[[], np.ndarray]:
    """What reads all codes of a stream as floats, a byte of several codes at a time by a table.

    Args:
        weights: the only array of its stream, from its first bit on.
    """
    group, count, numbers = weights.field.values.group, weights.field.count, weights.stream.array()
    base, digits = (3, group) if group > 1 else (4, 4)  # digits of 3 levels, or fields of two bits
    table = CODES[np.arange(base**digits)[:, None] // base ** np.arange(digits) % base]
    return lambda: table.take(numbers, axis=0).reshape(-1)[:count]


def _sign_planes(codes: np.ndarray, bits: int) -> SignPlanes:
    """w = (s + t) / 2: s is 1 from zero on, t above zero."""
    signs = np.concatenate([codes >= 0, codes > 0], axis=1)
    return SignPlanes(signs, np.ones(bits, np.int64), is_halved=True)
