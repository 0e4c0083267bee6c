"""Fitting: from float weights to the integers and floats that a compressed form would store.

A scheme is one file and one line of `METHODS`. Fitting is deterministic under its seed and leaves numpy's global random
state alone.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.kernels.usage import layer_usage
from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from costmodels.shapes import ConvShape
from explorer.errors import FittingError
from explorer.forms.dense import fit as dense
from explorer.forms.fitted_layer import FittedLayer, Method, relative_error
from explorer.forms.linear_representation import fit as linear_representation
from explorer.forms.pruned import fit as pruned
from explorer.forms.sparse_basis import fit as sparse_basis
from explorer.forms.stacked import fit as stacked

__all__ = ["METHODS", "FittedLayer", "Method", "fit", "fitted_layer", "rebuild"]

METHODS: dict[type[Scheme], Method] = {
    Dense: Method(dense.fit, dense.rebuild, layer_usage),
    Pruned: Method(pruned.fit, pruned.rebuild, layer_usage),
    LinearRepresentation: Method(linear_representation.fit, linear_representation.rebuild, layer_usage),
    StackedBinary: Method(stacked.fit, stacked.rebuild, layer_usage),
    LegoNet: Method(stacked.fit, stacked.rebuild, layer_usage),
    SparseBasis: Method(sparse_basis.fit, sparse_basis.rebuild, layer_usage),
}
"""How each compressed form is fitted."""


def fit(
    weights: np.ndarray, shape: ConvShape, scheme: Scheme, seed: int = 0, codebook: np.ndarray | None = None
) -> FittedLayer:
    """Fits ``scheme`` to the weights of one layer.

    Args:
        weights: (n, c/g, kh, kw), finite.
        shape: the layer.
        scheme: the compressed form.
        seed: of the starting points; the same seed gives the same arrays bit for bit.
        codebook: the templates of the network, from `explorer.forms.linear_representation.fit.fit_network_codebook`,
            for ``codebook="network"``; other schemes do not look at it.

    Raises:
        FittingError: the weights have another shape, are not finite, or the scheme needs another codebook.
        SchemeError: the layer cannot take the scheme.
    """
    scheme.check(shape)
    weights = checked_weights(weights, shape)
    arrays = _method(scheme).fit(weights.astype(np.float64), shape, scheme, seed, codebook)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # as it will lie in a file
    return fitted_layer(weights, shape, scheme, contiguous)


def fitted_layer(
    weights: np.ndarray, shape: ConvShape, scheme: Scheme, arrays: Mapping[str, np.ndarray]
) -> FittedLayer:
    """The fitted layer that ``arrays`` make, its distortion measured against ``weights``."""
    rebuilt = rebuild(shape, scheme, arrays)
    used = _method(scheme).usage(shape, scheme, arrays)
    return FittedLayer(shape, scheme, arrays, rebuilt, relative_error(weights, rebuilt), used)


def rebuild(shape: ConvShape, scheme: Scheme, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weights (n, c/g, kh, kw), float32, that the stored ``arrays`` stand for."""
    return _method(scheme).rebuild(shape, scheme, arrays)


def checked_weights(weights: np.ndarray, shape: ConvShape) -> np.ndarray:
    """``weights`` in float32, if they are real, finite and of the layer's shape.

    Raises:
        FittingError: they are not.
    """
    weights = np.asarray(weights)
    if weights.shape != shape.weight_shape:
        raise FittingError(
            f"weights have the layer's shape {shape.weight_shape}", f"{weights.shape}", "pass (n, c/g, kh, kw)"
        )
    if weights.dtype.kind not in "fiu":
        raise FittingError("weights are real numbers", str(weights.dtype), "pass float32")
    with np.errstate(over="ignore"):
        weights = weights.astype(np.float32)
    faulty = int(np.count_nonzero(~np.isfinite(weights)))
    if faulty:
        raise FittingError("weights are finite in float32", f"{faulty} that are not", "train again or mend the file")
    return weights


def _method(scheme: Scheme) -> Method:
    try:
        return METHODS[type(scheme)]
    except KeyError:
        known = ", ".join(kind.name for kind in METHODS)
        raise FittingError("the scheme has a fitting method", scheme.name, f"choose one of {known}") from None
