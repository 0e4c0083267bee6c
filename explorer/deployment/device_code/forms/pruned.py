"""Pruned layers in C: kept weights and their places, as a bitmap or an index."""

from collections.abc import Mapping

import numpy as np

from costmodels.kernels.packing import Located, PackedLayer, locate, unpack_layer
from costmodels.layout import nonzero_places
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    Fact,
    layer_facts,
    narrowed,
    numbers_of,
    scale_units,
    stream_of,
)

__all__ = ["pruned_filters", "rows_fact"]


def pruned_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a pruned layer."""
    arrays, located, shape = unpack_layer(packed), locate(packed), packed.shape
    kept = numbers_of(located["weights"], arrays["weights"])
    values = np.zeros((shape.out_channels, shape.group_inputs * shape.kernel_area), np.int64)
    values[nonzero_places(arrays, "weights")] = kept.values
    filters, shift = narrowed(values.reshape(shape.weight_shape), largest_input)
    facts = {
        "weights": kept.fact,
        "rows": rows_fact(located, values.shape[1]),
        **layer_facts(filters, shift),
    }
    return CodedFilters("pruned", facts, filters, scale_units(arrays, filters, kept.unit * 2.0**shift))


def rows_fact(located: Mapping[str, Located], places: int) -> Fact:
    """The C structure of the places of sparse values in rows of so many places."""
    if "mask" in located:
        mask = located["mask"]
        return _rows("FILTERFRONT_BITMAP", mask, mask, places)
    if "counts" in located:
        return _rows("FILTERFRONT_INDEX", located["counts"], located["positions"], places)
    return _rows("FILTERFRONT_EVERY_PLACE", None, None, places)


_STORED = {"FILTERFRONT_EVERY_PLACE": 0, "FILTERFRONT_BITMAP": 1, "FILTERFRONT_INDEX": 2}
"""The numbers of the C enumeration."""


def _rows(stored: str, first: Located | None, second: Located | None, places: int) -> Fact:
    return {
        "stored": _STORED[stored],
        "stream": None if first is None else stream_of(first),
        "start": 0 if first is None else first.start,
        "count_width": 0 if first is None else first.field.values.width,
        "positions": 0 if second is None else second.start,
        "position_width": 0 if second is None else second.field.values.width,
        "places": places,
    }
