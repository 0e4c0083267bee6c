"""Sensitivity proxies that know of normalization: what compressed weights leave of a layer's output after the batch
normalization behind it has been given statistics of its own.

A normalization with re-estimated statistics takes the mean and the scale of each channel out again, so that of a
filter's error only what changes the shape of its output stays. With C the centred moments of the input, w a filter and
v what takes its place, the correlation of both outputs is r = w C v / sqrt(w C w * v C v), and the normalization
multiplies v by a = sqrt(w C w / v C v). The noise of a layer is the mean of -log r over its filters, each weighed by
the variance of what it hands on (the square of the normalization's gain times w C w); its curvature is
`explorer.measurement.second_moments.output_errors` of w - a v.

Filters that no normalization follows keep their scale: a is 1, and in the place of r stands 1 / sqrt(1 + n), n the
noise-to-signal ratio.
"""

from collections.abc import Iterable
from operator import attrgetter

import numpy as np
from torch import Tensor
from torch.fx import Node

from explorer.measurement.input_moments import spread_rows
from explorer.measurement.second_moments import Moments, output_errors
from explorer.networks.layer_nodes import folded_normalization, weight_of
from explorer.networks.normalization_values import factors_and_shifts
from explorer.networks.trace import TracedNetwork

__all__ = ["MOST_LOSS", "normalization_gains", "normalized_noises"]

MOST_LOSS = 10.0
"""-log r of a filter whose output has nothing in common with what it was."""


def normalization_gains(traced: TracedNetwork) -> dict[str, np.ndarray]:
    """The factor of each channel of the batch normalizations that layers fold into, (n,) by layer name."""
    names = {layer.weight: layer.name for layer in traced.spec.layers}
    found: dict[str, np.ndarray] = {}

    def read(stored: Node) -> np.ndarray:
        tensor: Tensor = attrgetter(str(stored.target))(traced.graph)
        array: np.ndarray = tensor.detach().cpu().double().numpy()
        return array

    for node in traced.graph.graph.nodes:
        weight = weight_of(node) if node.op == "call_function" else None
        normalization = folded_normalization(node) if weight is not None else None
        if weight is not None and normalization is not None and str(weight.target) in names:
            gains, _ = factors_and_shifts(normalization, read)
            found[names[str(weight.target)]] = gains
    return found


def normalized_noises(
    moments: Moments, weights: np.ndarray, candidates: Iterable[np.ndarray], gains: np.ndarray | None
) -> np.ndarray:
    """Noise and curvature of several compressed weights, each as above.

    Args:
        moments: of the layer, its inputs' centred.
        weights: its own, (n, c/g, kh, kw).
        candidates: what could be in their place, each of the same shape.
        gains: of the normalization that follows, (n,); None where none does.

    Returns:
        Shape (candidates, 2); the second as a share of that of weights that are all zero.
    """
    rows, spread = spread_rows(moments.inputs, weights.astype(np.float64))
    signal = (rows * spread).sum(axis=2).reshape(-1)
    share = signal * (1.0 if gains is None else np.square(gains))
    whole = output_errors(moments, weights, np.zeros_like(weights))[1]
    found = []
    for candidate in candidates:
        other, own = spread_rows(moments.inputs, candidate.astype(np.float64))
        energy, common = (own * other).sum(axis=2).reshape(-1), (spread * other).sum(axis=2).reshape(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            if gains is None:
                scale, lost = np.ones_like(signal), np.log1p((signal - 2 * common + energy) / signal) / 2
            else:
                scale = np.where(energy > 0, np.sqrt(signal / energy), 0.0)
                lost = -np.log(np.maximum(common * scale / signal, np.exp(-MOST_LOSS)))
        lost = np.where(signal > 0, np.nan_to_num(lost, nan=MOST_LOSS, posinf=MOST_LOSS), 0.0)
        scaled = candidate * scale.reshape(-1, *(1,) * (candidate.ndim - 1))
        total = share.sum()
        noise = float(share @ lost / total) if total > 0 else 0.0
        found.append((noise, output_errors(moments, weights, scaled)[1] / whole if whole > 0 else 0.0))
    return np.array(found, dtype=np.float64).reshape(len(found), 2)
