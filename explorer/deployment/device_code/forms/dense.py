"""Dense layers in C: codes, less their zero points where they have any, or floats in a unit of the layer."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    Fact,
    Stream,
    layer_facts,
    narrowed,
    numbers_of,
    packed_codes,
    scale_units,
)

__all__ = ["dense_filters"]


def dense_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a dense layer: codes of 1 and 2 bits are odd numbers."""
    if getattr(packed.scheme, "zero_width", 0):
        return _with_zeros(packed, largest_input)
    arrays, located = unpack_layer(packed), locate(packed)["weights"]
    weights = numbers_of(located, arrays["weights"])
    filters, shift = narrowed(weights.values, largest_input)
    facts = {"weights": weights.fact, **layer_facts(filters, shift)}
    units, width = scale_units(arrays, filters, weights.unit * 2.0**shift), located.field.values.width
    if arrays["weights"].dtype.kind == "f":
        return CodedFilters("dense_floats", facts, filters, units)
    down, offset = (1, 1 - (1 << width)) if width <= 2 else (0, -(1 << width - 1))
    codes = packed_codes(located, filters, shift, largest_input, down, offset)
    return CodedFilters("dense", facts, filters, units, packed=codes)


def _with_zeros(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The same with zero points: filters are decoded, as their offsets differ. The zero points lie in a stream of their
    own, since the scales beside them are taken up by the multipliers."""
    arrays, located = unpack_layer(packed), locate(packed)
    weights, field = numbers_of(located["weights"], arrays["weights"]), located["zeros"].field
    zeros = arrays["zeros"].astype(np.int64)
    filters, shift = narrowed(weights.values - zeros.reshape(-1, 1, 1, 1), largest_input)
    stream = Stream("scales", field.pack(arrays["zeros"]).data)
    offsets: Fact = {"stream": stream, "start": 0, "width": field.values.width, "exponent": 0}
    facts = {
        "weights": weights.fact,
        "zeros": offsets,
        "each": int(zeros.size > 1),
        **layer_facts(filters, shift),
    }
    return CodedFilters("dense_zeros", facts, filters, scale_units(arrays, filters, 2.0**shift))
