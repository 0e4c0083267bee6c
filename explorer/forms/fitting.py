"""Fitting: from float weights to the integers and floats that a compressed form would store, and back to weights.

How is what each form says (`explorer.forms.FORMS`). Fitting is deterministic under its seed and leaves numpy's global
random state alone.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.schemes import Scheme
from costmodels.shapes import ConvShape
from explorer.forms import FORMS, Form
from explorer.forms.fitted_layer import DATA_AWARE, DATA_FREE, FittedLayer, relative_error
from explorer.forms.metric import Metric
from explorer.system.errors import FittingError

__all__ = ["FittedLayer", "checked_weights", "fit", "fit_shared", "fitted_layer", "reconstruct"]


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Scheme,
    seed: int = 0,
    codebook: np.ndarray | None = None,
    metric: Metric | None = None,
    start: FittedLayer | None = None,
) -> FittedLayer:
    """Fits ``scheme`` to the weights of one layer.

    Args:
        weights: (n, c/g, kh, kw), finite.
        shape: the layer.
        scheme: the compressed form.
        seed: of the starting points; the same seed gives the same arrays bit for bit.
        codebook: what the network's layers share, from `fit_shared`, for ``codebook="network"``; other schemes do not
            look at it.
        metric: of the layer's inputs, for a data-aware fit; without one the squared error of the weights is minimized.
        start: the fit without a metric of the same arguments, which one with a metric begins from; made if not given.

    Raises:
        FittingError: the weights have another shape, are not finite, the scheme needs another codebook, or the metric
            is of another layer.
        SchemeError: the layer cannot take the scheme.
    """
    scheme.check(shape)
    weights = checked_weights(weights, shape)
    if metric is not None and metric.matrix.shape[:2] != (shape.groups, shape.group_inputs * shape.kernel_area):
        expected = f"{shape.groups} groups of {shape.group_inputs * shape.kernel_area} weights a filter"
        raise FittingError(f"a metric is of the layer: {expected}", str(metric.matrix.shape), "take the layer's own")
    form, exact = _form(scheme), weights.astype(np.float64)
    arrays = form.fit(exact, shape, scheme, seed, codebook) if start is None else dict(start.arrays)
    if metric is not None:
        arrays = form.refit(exact, shape, scheme, arrays, seed, metric)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # as it will lie in a file
    return fitted_layer(weights, shape, scheme, contiguous, DATA_FREE if metric is None else DATA_AWARE)


def fit_shared(weights: Mapping[str, np.ndarray], scheme: Scheme, seed: int = 0) -> np.ndarray | None:
    """What the layers of a network share under a scheme.

    Args:
        weights: of all layers that could share it, by name, (n, c/g, kh, kw) each.
        scheme: the compressed form.
        seed: of the starting points.

    Returns:
        The codebook that `fit` takes; None where the form's layers share nothing.

    Raises:
        FittingError: the weights cannot share a codebook, or are not finite.
    """
    form = _form(scheme)
    return None if form.fit_shared is None else form.fit_shared(list(weights.values()), scheme, seed)


def fitted_layer(
    weights: np.ndarray, shape: ConvShape, scheme: Scheme, arrays: Mapping[str, np.ndarray], kind: str = DATA_FREE
) -> FittedLayer:
    """The fitted layer that arrays make.

    Args:
        weights: (n, c/g, kh, kw), against which its distortion is measured.
        shape: the layer.
        scheme: its compressed form.
        arrays: as `fit` makes them.
        kind: whether it was fitted to the weights alone or to data too.
    """
    reconstructed = reconstruct(shape, scheme, arrays)
    usage = scheme.usage(shape, arrays)
    return FittedLayer(shape, scheme, arrays, reconstructed, relative_error(weights, reconstructed), usage, kind)


def reconstruct(shape: ConvShape, scheme: Scheme, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weights (n, c/g, kh, kw), float32, that the stored ``arrays`` stand for."""
    return _form(scheme).reconstruct(shape, scheme, arrays)


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


def _form(scheme: Scheme) -> Form:
    try:
        return FORMS[type(scheme)]
    except KeyError:
        known = ", ".join(kind.name for kind in FORMS)
        raise FittingError("the scheme has a fitting method", scheme.name, f"choose one of {known}") from None
