"""Dense layers in C: codes, or floats in a unit of the layer."""

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    numbers_of,
    packed_codes,
    scale_units,
)

__all__ = ["dense_filters"]


def dense_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a dense layer: codes of 1 and 2 bits are odd numbers."""
    arrays, located = unpack_layer(packed), locate(packed)["weights"]
    weights = numbers_of(located, arrays["weights"])
    filters, shift = narrowed(weights.values, largest_input)
    facts = {"weights": weights.fact, **layer_facts(filters, shift)}
    codes, width = None, located.field.values.width
    if arrays["weights"].dtype.kind != "f":
        down, offset = (1, 1 - (1 << width)) if width <= 2 else (0, -(1 << width - 1))
        codes = packed_codes(located, filters, shift, largest_input, down, offset)
    return CodedFilters("dense", facts, filters, scale_units(arrays, filters, weights.unit * 2.0**shift), packed=codes)
