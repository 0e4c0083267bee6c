"""Ternary layers in C: five codes a byte, or one in two bits."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    packed_codes,
    scale_units,
    stream_of,
)

__all__ = ["ternary_filters"]


def ternary_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a ternary layer."""
    arrays, located = unpack_layer(packed), locate(packed)["weights"]
    filters, shift = narrowed(arrays["weights"].astype(np.int64), largest_input)
    facts = {
        "stream": stream_of(located),
        "start": located.start,
        "group": located.field.values.group,
        **layer_facts(filters, shift),
    }
    codes = None
    if located.field.values.group == 1:  # of two bits each, 0 to 2
        codes = packed_codes(located, filters, shift, largest_input, 0, -1)
    return CodedFilters("ternary", facts, filters, scale_units(arrays, filters, 2.0**shift), packed=codes)
