"""Which C source decodes the filters of a compressed form: one function for each form."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from costmodels.kernels.packing import PackedLayer
from explorer.deployment.device_code.forms.coded_filters import CodedFilters
from explorer.deployment.device_code.forms.dense import dense_filters
from explorer.deployment.device_code.forms.entropy_coded import entropy_coded_filters
from explorer.deployment.device_code.forms.linear_representation import linear_filters
from explorer.deployment.device_code.forms.low_rank import low_rank_filters
from explorer.deployment.device_code.forms.nm_sparse import nm_sparse_filters
from explorer.deployment.device_code.forms.palettized import palettized_filters
from explorer.deployment.device_code.forms.pruned import pruned_filters
from explorer.deployment.device_code.forms.sparse_basis import sparse_basis_filters
from explorer.deployment.device_code.forms.stacked import stacked_filters
from explorer.deployment.device_code.forms.ternary import ternary_filters
from explorer.deployment.device_code.forms.vector_quantized import vector_filters
from explorer.system.errors import DeviceCodeError

__all__ = ["CODED_FORMS", "coded_filters"]

CODED_FORMS: Mapping[str, Callable[[PackedLayer, int], CodedFilters]] = MappingProxyType(
    {
        "dense": dense_filters,
        "pruned": pruned_filters,
        "stacked-binary": stacked_filters,
        "lego-net": stacked_filters,
        "linear-representation": linear_filters,
        "sparse-basis": sparse_basis_filters,
        "ternary": ternary_filters,
        "palettized": palettized_filters,
        "vector-quantized": vector_filters,
        "entropy-coded": entropy_coded_filters,
        "nm-sparse": nm_sparse_filters,
        "low-rank": low_rank_filters,
    }
)
"""By the form's name."""


def coded_filters(packed: PackedLayer, largest_input: int, layer: str) -> CodedFilters:
    """The filters of a packed layer as the C program has them.

    Args:
        packed: the layer.
        largest_input: the largest magnitude of an input level less its zero point.
        layer: its name, for messages.

    Raises:
        DeviceCodeError: the form cannot be written as C.
    """
    code = CODED_FORMS.get(packed.scheme.name)
    if code is None:
        known = ", ".join(CODED_FORMS)
        raise DeviceCodeError(f"C is written for {known}", packed.scheme.name, "choose other --schemes", where=layer)
    try:
        coded = code(packed, largest_input)
    except DeviceCodeError as error:
        raise error.at(layer) from error
    is_used = coded.filters.reshape(len(coded.filters), -1).any(axis=1)
    return replace(coded, units=np.where(is_used, coded.units, 0.0))  # the scale of a filter of zeros may be anything
