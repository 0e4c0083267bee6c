"""Sparse basis in C: every element of a filter is a sum of coefficients times basis filters."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from costmodels.layout import nonzero_places
from explorer.deployment.device_code.forms.coded_filters import CodedFilters, layer_facts, narrowed, numbers_of
from explorer.deployment.device_code.forms.pruned import rows_fact

__all__ = ["ENTRY_BYTES", "largest_sum", "sparse_basis_filters"]

ENTRY_BYTES = 8
"""Of a coefficient in scratch: its integer, and its place in the bank."""


def sparse_basis_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a sparse basis."""
    arrays, located, shape = unpack_layer(packed), locate(packed), packed.shape
    basis = numbers_of(located["basis"], arrays["basis"])
    coefficients = numbers_of(located["coefficients"], arrays["coefficients"])
    groups = np.arange(shape.out_channels) // shape.group_outputs
    mixing = _mixing(arrays, coefficients.values, basis.values.shape[1]).reshape(
        shape.out_channels, -1, basis.values.shape[1]
    )
    units, scales = np.full(shape.out_channels, basis.unit * coefficients.unit), None
    if "scales" in arrays and packed.scheme.scales_outputs:
        units = units * arrays["scales"].astype(np.float64)[groups, 0]
    elif "scales" in arrays:
        scales = numbers_of(located["scales"], arrays["scales"])
        mixing, units = mixing * scales.values[groups][:, None], units * scales.unit
    flat = basis.values.reshape(*basis.values.shape[:2], -1)
    sums = np.stack([mixing[channel] @ flat[group] for channel, group in enumerate(groups)])
    filters, shift = narrowed(sums.reshape(shape.weight_shape), largest_input)
    facts = {
        "basis": basis.fact,
        "coefficients": coefficients.fact,
        "scales": scales.fact if scales else basis.fact,
        "has_scales": int(scales is not None),
        "rows": rows_fact(located, basis.values.shape[1]),
        "is_wide": int(largest_sum(mixing, flat) >= 2**31),
        "segments": mixing.shape[1],
        "group_outputs": shape.group_outputs,
        **layer_facts(filters, shift),
    }
    rows, _ = nonzero_places(arrays, "coefficients")
    work_bytes = ENTRY_BYTES * int(np.bincount(rows, minlength=1).max())
    note = scales.note if scales else ""
    return CodedFilters("sparse_basis", facts, filters, units * 2.0**shift, work_bytes, note)


def largest_sum(mixing: np.ndarray, basis: np.ndarray) -> float:
    """No sum of products passes it, in whatever order.

    Args:
        mixing: (n, S, m) integers.
        basis: (g, m, values) integers.
    """
    sizes = np.abs(mixing).astype(np.float64).sum(axis=2).max(initial=0.0)
    return float(sizes * np.abs(basis).max(initial=0))


def _mixing(arrays: dict[str, np.ndarray], values: np.ndarray, filters: int) -> np.ndarray:
    """(rows, m) integers of the coefficients."""
    if values.ndim == 2:
        return values
    mixing = np.zeros((len(arrays["mask"] if "mask" in arrays else arrays["counts"]), filters), np.int64)
    mixing[nonzero_places(arrays, "coefficients")] = values
    return mixing
