"""What the arrays of a fitted layer use of what the layer could use: the counts that the cost formulas read."""

from collections.abc import Callable

import numpy as np

from costmodels.errors import KernelError
from costmodels.kernels.packing import Arrays
from costmodels.schemes import (
    Dense,
    LayerUsage,
    LegoNet,
    LinearRepresentation,
    Pruned,
    Scheme,
    SparseBasis,
    StackedBinary,
)
from costmodels.shapes import ConvShape

__all__ = ["layer_usage"]


def layer_usage(shape: ConvShape, scheme: Scheme, arrays: Arrays) -> LayerUsage:
    """The counts of a layer whose arrays are as `costmodels.kernels.packing` lays them out.

    Raises:
        KernelError: the scheme has no layout.
    """
    try:
        rule = _RULES[type(scheme)]
    except KeyError:
        raise KernelError("the scheme has counts of use", scheme.name, "add them to usage.py") from None
    return rule(shape, scheme, arrays)


def _dense(shape: ConvShape, scheme: Dense, arrays: Arrays) -> LayerUsage:
    """Dense layers use all they store."""
    return LayerUsage()


def _pruned(shape: ConvShape, scheme: Pruned, arrays: Arrays) -> LayerUsage:
    """The weights that are stored; none of them is zero."""
    return LayerUsage(nonzeros=int(np.count_nonzero(arrays["weights"])))


def _stacked(shape: ConvShape, scheme: StackedBinary | LegoNet, arrays: Arrays) -> LayerUsage:
    """The distinct (group, segment, filter) triples that are selected."""
    selection = arrays["selection"]
    filters, segment = np.indices(selection.shape)
    triples = (filters // shape.group_outputs * selection.shape[1] + segment) * scheme.filters + selection.astype(int)
    return LayerUsage(pairs=len(np.unique(triples)))


def _linear(shape: ConvShape, scheme: LinearRepresentation, arrays: Arrays) -> LayerUsage:
    """Distinct templates by input channel and by filter; a kernel whose a is zero uses none."""
    index, uses = arrays["index"].astype(int), arrays["a"] != 0
    filters, channels = np.indices(index.shape)
    inputs = filters // shape.group_outputs * shape.group_inputs + channels
    by_input, by_output = (len(np.unique((place * scheme.templates + index)[uses])) for place in (inputs, filters))
    return LayerUsage(templates_by_input=by_input, templates_by_output=by_output)


def _sparse_basis(shape: ConvShape, scheme: SparseBasis, arrays: Arrays) -> LayerUsage:
    """Coefficients that are not zero, and the distinct (group, segment, basis filter) triples that have one."""
    rows, items = _nonzero_places(arrays)
    segments = shape.group_inputs // scheme.segment_channels
    groups, segment = rows // (shape.group_outputs * segments), rows % segments
    triples = (groups * segments + segment) * scheme.filters + items
    return LayerUsage(nonzeros=int(np.count_nonzero(arrays["coefficients"])), pairs=len(np.unique(triples)))


def _nonzero_places(arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """(row, place in the row) of every coefficient that is not zero."""
    if "counts" in arrays:
        counts = arrays["counts"]
        return np.repeat(np.arange(len(counts)), counts), arrays["positions"].astype(np.int64)
    rows, places = np.nonzero(arrays["mask"] if "mask" in arrays else arrays["coefficients"])
    return rows, places


_RULES: dict[type[Scheme], Callable[..., LayerUsage]] = {
    Dense: _dense,
    Pruned: _pruned,
    StackedBinary: _stacked,
    LegoNet: _stacked,
    LinearRepresentation: _linear,
    SparseBasis: _sparse_basis,
}
