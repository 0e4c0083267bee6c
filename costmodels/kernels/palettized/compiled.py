"""Palettized weights: a bank with a filter for every output, looked up in the palettes."""

import numpy as np

from costmodels.kernels.engine.banks import ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import Stream
from costmodels.kernels.packing import PackedLayer, locate

__all__ = ["direct"]


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Integers exactly, from palettes of integers and integer activations; otherwise float32, the indices read from
    their stream."""
    shape, located, scheme = packed.shape, locate(packed), packed.scheme
    scales, palettes = output_scales(packed), located["palette"].unpack()
    bank = shape.groups, shape.group_outputs, shape.group_inputs, *shape.kernel
    starts = scheme.palette_of(shape)[:, None] * palettes.shape[1]  # type: ignore[attr-defined]
    if scheme.is_exact("direct", activation_bits):
        ranks = located["index"].unpack().reshape(shape.out_channels, -1)
        codes = palettes.reshape(-1)[starts + ranks].reshape(bank)
        integers = integer_bank(shape, bank[0], codes, scheme.filter_bits, activation_bits)
        return BankKernel(shape, integers, sum_dtype(largest_sum(codes, activation_bits)), scales=scales)
    stream, values = Stream.of(located["index"]), palettes.astype(FLOAT).reshape(-1)

    def weights() -> np.ndarray:
        ranks = stream.numbers(np.empty((shape.out_channels, shape.weights // shape.out_channels), np.int32))
        found: np.ndarray = values.take(ranks + starts)
        return found.reshape(*bank[:2], -1)

    return BankKernel(shape, ProductBank(shape, shape.groups, bank[1], weights, FLOAT), FLOAT, scales=scales)
