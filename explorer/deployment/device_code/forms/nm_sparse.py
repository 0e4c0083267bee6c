"""N:M sparse layers in C: kept weights, and which of a group's places they stand at."""

import math

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from costmodels.layout import places_of_ranks
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    numbers_of,
    scale_units,
    stream_of,
)

__all__ = ["nm_sparse_filters"]


def nm_sparse_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of an N:M sparse layer."""
    arrays, located, shape = unpack_layer(packed), locate(packed), packed.shape
    kept, group = packed.scheme.kept, packed.scheme.group  # type: ignore[attr-defined]
    numbers, index = numbers_of(located["weights"], arrays["weights"]), located["index"]
    places = places_of_ranks(kept, group)[arrays["index"].astype(np.intp)].astype(np.intp)
    values = np.zeros((*arrays["index"].shape, group), np.int64)
    np.put_along_axis(values, places, numbers.values, axis=-1)
    whole = values.reshape(*values.shape[:3], shape.group_inputs).transpose(0, 3, 1, 2)
    filters, shift = narrowed(np.ascontiguousarray(whole), largest_input)
    facts = {
        "weights": numbers.fact,
        "index": stream_of(index),
        "start": index.start,
        "width": index.field.values.width,
        "numbers": index.field.values.parts,
        "kept": kept,
        "group": group,
        "combinations": math.comb(group - 1, kept),
        **layer_facts(filters, shift),
    }
    return CodedFilters("nm_sparse", facts, filters, scale_units(arrays, filters, numbers.unit * 2.0**shift))
