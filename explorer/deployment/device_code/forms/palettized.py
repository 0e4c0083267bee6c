"""Palettized layers in C: an index into a palette for every weight."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from costmodels.schemes import Palettized
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    numbers_of,
    scale_units,
    stream_of,
)

__all__ = ["palettized_filters"]


def palettized_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a palettized layer."""
    arrays, located, scheme = unpack_layer(packed), locate(packed), packed.scheme
    assert isinstance(scheme, Palettized)  # noqa: S101
    palette = numbers_of(located["palette"], arrays["palette"])
    of_filter = scheme.palette_of(packed.shape)[:, None, None, None]
    chosen: np.ndarray = palette.values[of_filter, arrays["index"].astype(np.int64)]
    filters, shift = narrowed(chosen, largest_input)
    facts = {
        "palette": palette.fact,
        "index": stream_of(located["index"]),
        "index_start": located["index"].start,
        "index_width": located["index"].field.values.width,
        "palette_filters": scheme.palette_filters or packed.shape.out_channels,
        **layer_facts(filters, shift),
    }
    units = scale_units(arrays, filters, palette.unit * 2.0**shift)
    return CodedFilters("palettized", facts, filters, units, note=palette.note)
