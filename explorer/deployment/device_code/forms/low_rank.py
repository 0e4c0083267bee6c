"""Low rank in C: a filter is a sum of coefficients times shared ones, as a sparse basis of one segment is read."""

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    numbers_of,
    scale_units,
)
from explorer.deployment.device_code.forms.pruned import rows_fact
from explorer.deployment.device_code.forms.sparse_basis import ENTRY_BYTES, largest_sum

__all__ = ["low_rank_filters"]


def low_rank_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a layer of low rank."""
    arrays, located, shape = unpack_layer(packed), locate(packed), packed.shape
    basis = numbers_of(located["basis"], arrays["basis"])
    coefficients = numbers_of(located["coefficients"], arrays["coefficients"])
    groups, count = basis.values.shape[:2]
    mixing = coefficients.values.reshape(groups, -1, count)
    unit, scales = basis.unit * coefficients.unit, None
    if "basis_scales" in arrays:
        scales = numbers_of(located["basis_scales"], arrays["basis_scales"])
        mixing, unit = mixing * scales.values[:, None], unit * scales.unit
    flat = basis.values.reshape(groups, count, -1)
    filters, shift = narrowed((mixing @ flat).reshape(shape.weight_shape), largest_input)
    facts = {
        "basis": basis.fact,
        "coefficients": coefficients.fact,
        "scales": scales.fact if scales else basis.fact,
        "has_scales": int(scales is not None),
        "rows": rows_fact({}, count),
        "is_wide": int(largest_sum(mixing.reshape(shape.out_channels, 1, count), flat) >= 2**31),
        "segments": 1,
        "group_outputs": shape.group_outputs,
        **layer_facts(filters, shift),
    }
    units = scale_units(arrays, filters, unit * 2.0**shift)
    return CodedFilters("sparse_basis", facts, filters, units, ENTRY_BYTES * count, scales.note if scales else "")
