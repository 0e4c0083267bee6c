"""Ternary weights: the codes and scales of least squared error.

A scale is shared by the weights w of a row: a filter, or the layer. With codes c in {-1, 0, 1} and a scale s the error
is |w - s*c|^2. Where the k weights I are not zero, the best codes are their signs and the best scale is their mean size
S/k, S = sum_I |w|, which lowers the error from |w|^2 by S^2/k. So for every k the k largest weights are the best ones,
and the best of all k, found in one pass over the sorted sizes, is the optimum, exactly.

Source: Li & Liu, Ternary Weight Networks, arXiv 1605.04711, equations 3 to 5, who approximate the threshold between
zero and non-zero weights by 0.7 of their mean size; searching all thresholds is ours. Without a scale a code stands for
itself, and the nearest of -1, 0 and 1 is taken; at a scale that was rounded to few bits likewise.

Arrays: ``weights`` (n, c/g, kh, kw) int8; ``scales`` (n,) or (1,) float32 where the scheme has any.
"""

import numpy as np

from costmodels.conventions import FLOAT_BITS
from costmodels.scales import round_scales
from costmodels.schemes.ternary import Ternary
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import Levels, refit_scaled
from explorer.forms.quantizer import quantizer_rows

__all__ = ["fit", "fit_rows", "refit"]

LEVELS: Levels = (-1.0, 1.0, 1.0)


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Ternary,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Codes and scales. With ``scale="none"`` only weights of about unit size fit well."""
    if scheme.scale == "none":
        codes, scales = _nearest(weights), np.ones(1, np.float32)
    else:
        rows = quantizer_rows(weights, scheme.scale)
        codes, scales = fit_rows(rows)
        if scheme.scale_bits != FLOAT_BITS:
            scales = round_scales(scales, scheme.scale_bits)
            codes = _nearest(rows / np.where(scales > 0, scales, 1.0)[:, None]) * (scales > 0)[:, None]
    stored = {"weights": codes.reshape(shape.weight_shape)}
    return stored if scheme.scale == "none" else stored | {"scales": scales}


def refit(weights: np.ndarray, shape: ConvShape, scheme: Ternary, arrays: Arrays, seed: int, metric: Metric) -> Arrays:
    """Codes and scales in a metric, see `explorer.forms.metric_codes`."""
    return refit_scaled(weights, arrays, metric, LEVELS, scheme)


def _nearest(units: np.ndarray) -> np.ndarray:
    """The nearest of -1, 0 and 1, which is best at a given scale."""
    codes: np.ndarray = np.clip(np.rint(units), -1, 1).astype(np.int8)
    return codes


def fit_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes and scales of least squared error.

    Args:
        rows: (rows, values) in float64; of values of one size the first are kept, of numbers of kept values that are
            equally good the least.

    Returns:
        Codes (rows, values) int8, and scales (rows,) float32, 0 for a row of zeros.
    """
    sizes = np.abs(rows)
    order = np.argsort(-sizes, axis=1, kind="stable")
    counts = np.arange(1, rows.shape[1] + 1)
    sums = np.take_along_axis(sizes, order, axis=1).cumsum(axis=1)
    best = (np.square(sums) / counts).argmax(axis=1)[:, None]
    scales = (np.take_along_axis(sums, best, axis=1)[:, 0] / counts[best[:, 0]]).astype(np.float32)
    kept = np.empty(rows.shape, bool)
    np.put_along_axis(kept, order, np.arange(rows.shape[1]) <= best, axis=1)
    return (np.sign(rows) * kept).astype(np.int8), scales
