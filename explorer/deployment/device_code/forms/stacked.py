"""Stacked filters in C: a shared filter for every segment, of signs or of floats, with a scale a segment or without."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    numbers_of,
    scale_units,
    stream_of,
)

__all__ = ["stacked_filters"]


def stacked_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a stacked layer."""
    arrays, located, shape, scheme = unpack_layer(packed), locate(packed), packed.shape, packed.scheme
    bank = numbers_of(located["bank"], arrays["bank"])
    selection, selected = arrays["selection"].astype(np.int64), located["selection"]
    groups = np.arange(shape.out_channels) // shape.group_outputs
    chosen, unit = bank.values[groups[:, None], selection], bank.unit  # (n, S, s, kh, kw)
    scales, of_filters = None, arrays
    if scheme.scale == "segment":  # type: ignore[attr-defined]
        scales, of_filters = numbers_of(located["scales"], arrays["scales"]), {}
        chosen, unit = chosen * scales.values[:, :, None, None, None], unit * scales.unit
    filters, shift = narrowed(chosen.reshape(shape.weight_shape), largest_input)
    facts = {
        "bank": bank.fact,
        "scales": scales.fact if scales else bank.fact,
        "has_scales": int(scales is not None),
        "selection": stream_of(selected),
        "selection_start": selected.start,
        "selection_width": selected.field.values.width,
        "selection_parts": selected.field.values.parts,
        "segments": selection.shape[1],
        "bank_filters": bank.values.shape[1],
        "group_outputs": shape.group_outputs,
        **layer_facts(filters, shift),
    }
    units = scale_units(of_filters, filters, unit * 2.0**shift)
    return CodedFilters("stacked", facts, filters, units, note=scales.note if scales else "")
