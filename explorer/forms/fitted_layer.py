"""What fitting hands back: the arrays that would be stored, and what can be computed from them.

Legend: as in `costmodels.schemes.base`; M = (n/g)*S segments of a group, D = s*kh*kw values of a segment.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodels.schemes.base import LayerUsage, Scheme
from costmodels.shapes import ConvShape

__all__ = ["Arrays", "FittedLayer", "Method", "filter_segments", "relative_error", "weights_of_segments"]

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
    """

    shape: ConvShape
    scheme: Scheme
    arrays: Mapping[str, np.ndarray]
    weights: np.ndarray
    distortion: float
    usage: LayerUsage

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise ratio, -10*log10(distortion) in dB; inf for an exact reconstruction."""
        if self.distortion == 0:
            return math.inf
        return -math.inf if math.isinf(self.distortion) else -10 * math.log10(self.distortion)


@dataclass(frozen=True)
class Method:
    """How one scheme is fitted; a line of `explorer.forms.fitting.METHODS`.

    Args:
        fit: (weights in float64, shape, scheme, seed, codebook or None) -> arrays.
        rebuild: (shape, scheme, arrays) -> weights in float32.
        usage: (shape, scheme, arrays) -> counts.
    """

    fit: Callable[[np.ndarray, ConvShape, Any, int, np.ndarray | None], Arrays]
    rebuild: Callable[[ConvShape, Any, Mapping[str, np.ndarray]], np.ndarray]
    usage: Callable[[ConvShape, Any, Mapping[str, np.ndarray]], LayerUsage]


def relative_error(weights: np.ndarray, rebuilt: np.ndarray) -> float:
    """sum((W - What)^2) / sum(W^2) in float64; 0 where both agree, inf where W is zero and What is not."""
    difference = weights.astype(np.float64).ravel() - rebuilt.ravel()
    error = float(difference @ difference)
    if error == 0:
        return 0.0
    energy = float(np.square(weights, dtype=np.float64).sum())
    return error / energy if energy > 0 else math.inf


def filter_segments(weights: np.ndarray, shape: ConvShape, segment_channels: int) -> np.ndarray:
    """Weights (n, c/g, kh, kw) as segments (g, M, D); segment j of the group's filter i is row i*S + j."""
    return weights.reshape(shape.groups, -1, segment_channels * shape.kernel_area)


def weights_of_segments(segments: np.ndarray, shape: ConvShape) -> np.ndarray:
    """The inverse of `filter_segments`, in float32."""
    return segments.reshape(shape.weight_shape).astype(np.float32)
