"""Forms without scales before a batch normalization, which gives each filter a scale of its own.

Codes that stand for themselves are of another size than the weights, so an error that counts sizes says nothing of them
and a fit that lowers it is ruined. Where batch statistics are re-estimated the normalization takes the size out again:
such a layer is fitted with a scale for each filter, and the scales are left out.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from costmodels.conventions import FLOAT_BITS
from costmodels.schemes import Scheme
from explorer.forms.fitted_layer import FittedLayer
from explorer.forms.fitting import fitted_layer
from explorer.forms.metric import Metric

__all__ = ["rescaled", "with_scales", "without_scales"]


def with_scales(scheme: Scheme) -> Scheme | None:
    """The scheme with a float scale for each filter; None of one that has scales, or knows none.

    Args:
        scheme: of any form.
    """
    if getattr(scheme, "scale", None) != "none":
        return None
    changed: dict[str, Any] = {"scale": "filter", "scale_bits": FLOAT_BITS}
    return replace(scheme, **changed)


def without_scales(fitted: FittedLayer, scheme: Scheme, weights: np.ndarray) -> FittedLayer | None:
    """The fit of a scheme, from one with scales; None where a filter's scale is negative, which no normalization is.

    Args:
        fitted: under `with_scales`.
        scheme: without scales.
        weights: (n, c/g, kh, kw), of which it is a fit.
    """
    arrays = dict(fitted.arrays)
    scales = arrays.pop("scales")
    return None if (scales < 0).any() else fitted_layer(weights, fitted.shape, scheme, arrays, fitted.kind)


def rescaled(weights: np.ndarray, reconstructed: np.ndarray, metric: Metric | None = None) -> np.ndarray:
    """Reconstructed weights, each filter at the size of least error, as far as that is above 0.

    Args:
        weights: (n, ...), of the layer.
        reconstructed: as many.
        metric: in which errors are measured; without one their squares are.
    """
    rows, made = (part.reshape(len(part), -1).astype(np.float64) for part in (weights, reconstructed))
    spread = made if metric is None else metric.times(metric.rows(made)).reshape(made.shape)
    along, energy = (rows * spread).sum(axis=1), (made * spread).sum(axis=1)
    factors = np.where((along > 0) & (energy > 0), along / np.where(energy > 0, energy, 1.0), 1.0)
    scaled: np.ndarray = (made * factors[:, None]).reshape(reconstructed.shape).astype(reconstructed.dtype)
    return scaled
