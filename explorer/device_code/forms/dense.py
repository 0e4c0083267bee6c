"""Dense layers in C: codes, or floats in a unit of the layer."""

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.device_code.forms.coded_filters import CodedFilters, layer_facts, narrowed, numbers_of, scale_units

__all__ = ["dense_filters"]


def dense_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a dense layer."""
    arrays, located = unpack_layer(packed), locate(packed)
    weights = numbers_of(located["weights"], arrays["weights"])
    filters, shift = narrowed(weights.values, largest_input)
    facts = {"weights": weights.fact, **layer_facts(filters, shift)}
    return CodedFilters("dense", facts, filters, scale_units(arrays, filters, weights.unit * 2.0**shift))
