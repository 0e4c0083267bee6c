"""Sparse basis: maps of the basis filters mixed by coefficients as they are stored; or whole filters, reconstructed."""

import numpy as np

from costmodels.kernels.engine.banks import Bank, ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.streams import SparseRows, Stream
from costmodels.kernels.packing import Located, PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def shared_maps(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Transform with the basis, then mix.

    Exact integers if activations, basis and coefficients are, and the bank has one scale; otherwise float32.
    """
    shape, located = packed.shape, locate(packed)
    basis = located["basis"]
    groups, filters, channels = basis.field.shape[:3]
    blocks = groups * (shape.group_inputs // channels)
    rows, (scales, filter_scales) = SparseRows.of(located, "coefficients", filters), _scales(packed)
    dtype = FLOAT
    if FLOAT_BITS not in (basis.field.values.width, activation_bits, rows.values.width) and filter_scales is None:
        entries = blocks // groups * filters << rows.values.width
        dtype = sum_dtype(entries * largest_sum(basis.unpack(), activation_bits))

    def mix(maps: np.ndarray, sums: np.ndarray) -> None:
        if filter_scales is not None:
            maps *= np.repeat(filter_scales, blocks // groups, axis=0)[..., None]
        rows.mix(maps.reshape(groups, -1, maps.shape[2]), sums)

    return BankKernel(shape, _bank(packed, basis, blocks, activation_bits), dtype, mix, scales)


def _bank(packed: PackedLayer, basis: Located, blocks: int, activation_bits: int) -> Bank:
    bits, (groups, filters) = basis.field.values.width, basis.field.shape[:2]
    if FLOAT_BITS not in (bits, activation_bits):
        return integer_bank(packed.shape, blocks, basis.unpack(), bits, activation_bits)
    stream = Stream.of(basis)
    return ProductBank(packed.shape, blocks, filters, lambda: stream.floats(groups, filters, -1), FLOAT)


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Every filter is reconstructed in float32 from its coefficients, and convolved."""
    shape, located = packed.shape, locate(packed)
    groups, filters, channels = located["basis"].field.shape[:3]
    rows, stream = SparseRows.of(located, "coefficients", filters), Stream.of(located["basis"])
    scales, filter_scales = _scales(packed)

    def weights() -> np.ndarray:
        basis = stream.floats(groups, filters, -1)
        if filter_scales is not None:
            basis *= filter_scales[..., None]
        reconstructed = np.empty((shape.out_channels * shape.group_inputs // channels, basis.shape[2]), np.float32)
        rows.mix(basis, reconstructed)
        return reconstructed.reshape(groups, shape.group_outputs, -1)

    product = ProductBank(shape, groups, shape.group_outputs, weights, FLOAT)
    return BankKernel(shape, product, FLOAT, scales=scales)


def _scales(packed: PackedLayer) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(n,) of outputs from one for each bank, or (g, m) of basis filters, and none of the other."""
    located = locate(packed)
    if "scales" not in located:
        return None, None
    scales = located["scales"].unpack()
    if scales.shape[1] == 1 and getattr(packed.scheme, "basis_scale", "") == "layer":
        return np.repeat(scales[:, 0], packed.shape.group_outputs), None
    return None, scales
