"""Dense layers in C: codes, or floats in a unit of the layer."""

from dataclasses import replace

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    numbers_of,
    scale_units,
    stream_of,
)

__all__ = ["dense_filters"]


def dense_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a dense layer."""
    arrays, located = unpack_layer(packed), locate(packed)
    weights = numbers_of(located["weights"], arrays["weights"])
    filters, shift = narrowed(weights.values, largest_input)
    facts = {"weights": weights.fact, **layer_facts(filters, shift)}
    coded = CodedFilters("dense", facts, filters, scale_units(arrays, filters, weights.unit * 2.0**shift))
    place = located["weights"]
    width = place.field.values.width
    # Sums of codes from 0 on have to fit 32 bits, as those of weights do.
    fits = max(filters[0].size << width, 1) * largest_input < 2**31
    if arrays["weights"].dtype.kind == "f" or shift or place.start or not fits:
        return coded
    return replace(coded, code_bits=width, code_stream=stream_of(place))
