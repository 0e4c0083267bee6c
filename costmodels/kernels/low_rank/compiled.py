"""Low rank: maps of few filters combined by coefficients as they are stored; or whole filters, put together."""

import numpy as np

from costmodels.kernels.engine.banks import Bank, ProductBank, integer_bank
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import SparseRows, Stream
from costmodels.kernels.packing import Located, PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def shared_maps(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """The filters, exact integers where they and the activations are; their maps are scaled and combined in float32."""
    shape, located = packed.shape, locate(packed)
    basis = located["basis"]
    rows = SparseRows.of(located, "coefficients", basis.field.shape[1])
    filter_scales = _filter_scales(located)

    def mix(maps: np.ndarray, sums: np.ndarray) -> None:
        if filter_scales is not None:
            maps *= filter_scales[..., None]
        rows.mix(maps, sums)

    return BankKernel(shape, _bank(packed, basis, activation_bits), FLOAT, mix, output_scales(packed))


def _bank(packed: PackedLayer, basis: Located, activation_bits: int) -> Bank:
    bits, (groups, filters) = basis.field.values.width, basis.field.shape[:2]
    if FLOAT_BITS not in (bits, activation_bits):
        return integer_bank(packed.shape, groups, basis.unpack(), bits, activation_bits)
    stream = Stream.of(basis)
    return ProductBank(packed.shape, groups, filters, lambda: stream.floats(groups, filters, -1), FLOAT)


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Every filter is put together in float32 from its coefficients, and convolved."""
    shape, located = packed.shape, locate(packed)
    groups, filters = located["basis"].field.shape[:2]
    rows, stream = SparseRows.of(located, "coefficients", filters), Stream.of(located["basis"])
    filter_scales = _filter_scales(located)

    def weights() -> np.ndarray:
        basis = stream.floats(groups, filters, -1)
        if filter_scales is not None:
            basis *= filter_scales[..., None]
        reconstructed = np.empty((shape.out_channels, basis.shape[2]), np.float32)
        rows.mix(basis, reconstructed)
        return reconstructed.reshape(groups, shape.group_outputs, -1)

    product = ProductBank(shape, groups, shape.group_outputs, weights, FLOAT)
    return BankKernel(shape, product, FLOAT, scales=output_scales(packed))


def _filter_scales(located: dict[str, Located]) -> np.ndarray | None:
    """(g, r), where the filters are quantized."""
    return located["basis_scales"].unpack() if "basis_scales" in located else None
