"""A part of a layer, whose fits tell which candidates are not worth a fit of the whole.

Every so many filters and every so many input channels, as many of the one as of the other: segments and filters that
are shares of the layer's are then the same shares of the part's, and banks have as many filters for as many segments.
Errors of a part are compared with errors of the same part alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from costmodels import ConvShape, Scheme
from costmodels.errors import CostModelError
from explorer.forms.metric import Metric
from searches.space import LayerSpace

__all__ = ["LARGER_WEIGHTS", "LEAST_WEIGHTS", "LayerPart", "part_of"]

FACTORS = (16, 8, 4, 2)
LEAST_WEIGHTS = 2_400
"""Of a part. Of 1x1 kernels that are 60 filters of 40 weights, or 120 of 20."""

LARGER_WEIGHTS, LARGER_FACTOR = 36_000, 4
"""Of a larger part, and one in how many filters and channels it has at most."""


@dataclass(frozen=True, eq=False)
class LayerPart:
    """The part of a layer.

    Args:
        weights: (n/f, c/f, kh, kw).
        shape: of the part.
        schemes: the part's for each candidate of the layer; None where it has none such.
        metrics: in which it is fitted and which judges; None where layers are fitted to their weights alone.
    """

    weights: np.ndarray
    shape: ConvShape
    schemes: tuple[Scheme | None, ...]
    metrics: tuple[Metric, Metric] | None


def part_of(
    layer: LayerSpace,
    weights: np.ndarray,
    metrics: tuple[Metric, Metric] | None,
    is_larger: bool = False,
) -> LayerPart | None:
    """The part that a layer is judged by; None where the whole is fitted soon: small layers, and those of groups.

    Args:
        layer: with its candidates.
        weights: (n, c, kh, kw).
        metrics: as in `LayerPart`, of the layer.
        is_larger: whether the part is meant that tells more, and which only large layers have: `LARGER_WEIGHTS` at
            least, and no more than a sixteenth of the layer.
    """
    factor = _factor(layer.shape, LARGER_WEIGHTS if is_larger else LEAST_WEIGHTS)
    if factor < (LARGER_FACTOR if is_larger else FACTORS[-1]):
        return None
    outputs, inputs = layer.shape.out_channels // factor, layer.shape.in_channels // factor
    shape = replace(layer.shape, out_channels=outputs, in_channels=inputs)
    space = LayerSpace(layer.name, shape, layer.grid)
    own = np.ascontiguousarray(weights[::factor, ::factor])
    places = np.arange(weights[0].size).reshape(weights.shape[1:])[::factor].ravel()
    parted = None if metrics is None else (_parted(metrics[0], places), _parted(metrics[1], places))
    schemes = tuple(_scheme(space, scheme, layer) for scheme in layer.candidates)
    return LayerPart(own, shape, schemes, parted)


def _factor(shape: ConvShape, least_weights: int) -> int:
    """The greatest share of filters and channels that leaves enough weights; 1 for none."""
    if shape.groups > 1:
        return 1
    for factor in FACTORS:
        divides = shape.out_channels % factor == 0 and shape.in_channels % factor == 0
        if divides and shape.weights >= least_weights * factor**2:
            return factor
    return 1


def _parted(metric: Metric, places: np.ndarray) -> Metric:
    """The metric of these values of a filter."""
    chosen = metric.matrix[:, places]
    return Metric(np.ascontiguousarray(chosen[:, :, places] if metric.is_full else chosen))


def _scheme(space: LayerSpace, scheme: Scheme, layer: LayerSpace) -> Scheme | None:
    """The scheme of a part that takes the same place in the space; None where the part cannot take it, or where it
    shares something with other layers."""
    if scheme.shared_storage(layer.shape):
        return None
    try:
        return space.scheme(layer.candidate_levels[scheme])
    except CostModelError:
        return None
