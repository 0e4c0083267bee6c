"""What fitting hands back: the arrays that would be stored, and what can be computed from them.

Legend: as in `costmodels.schemes.base`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodels.schemes.base import LayerUsage, Scheme
from costmodels.shapes import ConvShape

__all__ = ["DATA_AWARE", "DATA_FREE", "SEQUENTIAL", "Arrays", "FittedLayer", "relative_error"]

DATA_FREE, DATA_AWARE, SEQUENTIAL = "data-free", "data-aware", "sequential"
"""How a layer was fitted: to its weights alone, in the metric of its inputs, or of what the layers before it leave."""

Arrays = dict[str, np.ndarray]
"""The arrays that a fitted layer stores, by name."""


@dataclass(frozen=True, eq=False)
class FittedLayer:
    """A layer in its compressed form.

    Args:
        shape: the layer.
        scheme: its compressed form.
        arrays: exactly what would be stored: integer codes, selections, masks, float32 scales; the module of the scheme
            names them. The one exception is the codebook of a network or an uncounted one, which is here because the
            weights need it, and is not counted in the layer.
        weights: (n, c/g, kh, kw) float32, computed from ``arrays`` alone.
        distortion: `relative_error` of ``weights`` against the weights that were fitted.
        usage: the counts that the cost formulas read.
        kind: `DATA_FREE`, `DATA_AWARE` or `SEQUENTIAL`.
    """

    shape: ConvShape
    scheme: Scheme
    arrays: Mapping[str, np.ndarray]
    weights: np.ndarray
    distortion: float
    usage: LayerUsage
    kind: str = DATA_FREE

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise ratio, -10*log10(distortion) in dB; inf for an exact reconstruction."""
        if self.distortion == 0:
            return math.inf
        return -math.inf if math.isinf(self.distortion) else -10 * math.log10(self.distortion)


def relative_error(weights: np.ndarray, reconstructed: np.ndarray) -> float:
    """sum((W - What)^2) / sum(W^2) in float64; 0 where both agree, inf where W is zero and What is not.

    Args:
        weights: W, of any shape.
        reconstructed: What, as many values.
    """
    difference = weights.astype(np.float64).ravel() - reconstructed.ravel()
    error = float(difference @ difference)
    if error == 0:
        return 0.0
    energy = float(np.square(weights, dtype=np.float64).sum())
    return error / energy if energy > 0 else math.inf
