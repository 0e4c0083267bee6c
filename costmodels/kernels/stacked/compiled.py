"""Stacked filters: maps of the shared filters, merged as the packed selections say; or whole filters, reconstructed."""

import numpy as np

from costmodels.kernels.engine.banks import Bank, ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.streams import Stream, add_selected
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def shared_maps(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Transform, select, merge; exact integers from binary filters and integer activations.

    With a scale for each segment the sums are float32.
    """
    shape, located = packed.shape, locate(packed)
    segments = shape.group_inputs // located["bank"].field.shape[2]
    scales, segment_scales = _scales(packed)
    selection, one_hot = Stream.of(located["selection"]), packed.scheme.parameters()["selection"] == "one-hot"
    largest = segments * largest_sum(np.ones((1, 1, *located["bank"].field.shape[2:])), activation_bits)
    is_float = FLOAT_BITS in (located["bank"].field.values.width, activation_bits)
    dtype = FLOAT if is_float or segment_scales is not None else sum_dtype(largest)

    def mix(maps: np.ndarray, sums: np.ndarray) -> None:
        add_selected(selection, one_hot, shape.groups, maps, segment_scales, sums)

    return BankKernel(shape, _bank(packed, shape.groups * segments, activation_bits), dtype, mix, scales)


def _bank(packed: PackedLayer, blocks: int, activation_bits: int) -> Bank:
    field = locate(packed)["bank"]
    groups, filters = field.field.shape[:2]
    if FLOAT_BITS not in (field.field.values.width, activation_bits):
        return integer_bank(packed.shape, blocks, field.unpack(), 1, activation_bits)
    stream = Stream.of(field)
    return ProductBank(packed.shape, blocks, filters, lambda: stream.floats(groups, filters, -1), FLOAT)


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Whole filters: as packed signs for integer activations, in float32 for others and with scales of segments."""
    shape, located = packed.shape, locate(packed)
    scales, segment_scales = _scales(packed)
    sizes = shape.groups, shape.group_outputs, shape.group_inputs, *shape.kernel
    selection = located["selection"].unpack().astype(np.intp).reshape(shape.groups, shape.group_outputs, -1)
    groups = np.arange(shape.groups)[:, None, None]
    is_float = FLOAT_BITS in (located["bank"].field.values.width, activation_bits)
    if not is_float and segment_scales is None:
        codes = located["bank"].unpack()[groups, selection].reshape(sizes)
        bank = integer_bank(shape, shape.groups, codes, 1, activation_bits)
        return BankKernel(shape, bank, sum_dtype(largest_sum(codes, activation_bits)), scales=scales)
    stream, factors = Stream.of(located["bank"]), segment_scales

    def weights() -> np.ndarray:
        chosen = stream.floats(*located["bank"].field.shape[:2], -1)[groups, selection]
        if factors is not None:
            chosen *= factors.reshape(*selection.shape, 1)
        return chosen.reshape(*sizes[:2], -1)

    product = ProductBank(shape, shape.groups, sizes[1], weights, FLOAT)
    return BankKernel(shape, product, FLOAT, scales=scales)


def _scales(packed: PackedLayer) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(n,) of filters or (n, S) of segments, and none of the other."""
    located = locate(packed)
    if "scales" not in located:
        return None, None
    scales = located["scales"].unpack()
    return (scales, None) if scales.ndim == 1 else (None, scales)
