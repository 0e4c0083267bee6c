"""Factors of output channels, taken up by the numbers that a layer stores anyway: a folded normalization costs no bit.

Legend: n output channels, c/g input channels of a group, S segments.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.kernels.packing import PackedLayer, pack_layer, unpack_layer
from costmodels.schemes import LinearRepresentation
from costmodels.schemes.palettized import Palettized

__all__ = ["folded"]


def folded(layer: PackedLayer, factors: np.ndarray) -> PackedLayer | None:
    """The layer with every output channel times its factor, at the same storage.

    Args:
        layer: how it is stored.
        factors: (n,) float64.

    Returns:
        The layer; none where the scheme stores no number of an output channel alone, or where a product is beyond
        float32 or a stored value would become 0, which has no place in a sparse form.
    """
    if not layer.scheme.takes_channel_scale:
        return None
    arrays = unpack_layer(layer)
    scaled = {name: _scaled(arrays, name, factors) for name in _names(layer, arrays)}
    sparse = "mask" in arrays or "counts" in arrays
    for name, values in scaled.items():
        if not np.isfinite(values).all() or (sparse and name != "scales" and not values.all()):
            return None
    return pack_layer(layer.shape, layer.scheme, arrays | scaled)


def _names(layer: PackedLayer, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The float arrays that take the factor."""
    if isinstance(layer.scheme, LinearRepresentation):
        return ("a", "b") if layer.scheme.offset else ("a",)
    if isinstance(layer.scheme, Palettized) and layer.scheme.palettes_take_factors:
        return ("palette",)
    names = ("coefficients", "scales", "weights")
    return next((name,) for name in names if name in arrays and arrays[name].dtype.kind == "f")


def _scaled(arrays: Mapping[str, np.ndarray], name: str, factors: np.ndarray) -> np.ndarray:
    """An array whose values lie output channel by output channel, each times the factor of its channel."""
    values = arrays[name]
    if values.ndim == 1 and "mask" in arrays and name != "scales":
        per_channel = arrays["mask"].reshape(len(factors), -1).sum(axis=1)
    elif values.ndim == 1 and "counts" in arrays and name != "scales":
        per_channel = arrays["counts"].reshape(len(factors), -1).sum(axis=1)
    else:
        per_channel = np.full(len(factors), values.size // len(factors))
    with np.errstate(over="ignore", under="ignore"):
        scaled = values.reshape(-1).astype(np.float64) * np.repeat(factors, per_channel)
        folded: np.ndarray = scaled.astype(np.float32).reshape(values.shape)
        return folded
