"""Magnitude pruning: the largest weights of a layer kept and quantized.

Source: Han, Mao & Dally, Deep Compression, ICLR 2016 (here with uniform levels in place of its shared values).
Arrays: ``weights`` (nonzeros,) codes of `costmodels.codes` or float32, filter by filter; their places as in
`explorer.forms.places`, one row a filter; ``scales`` (n,) or (1,) float32 where the scheme has any.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.codes import code_dtype
from costmodels.numbers import round_share
from costmodels.schemes import Pruned
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, exchange_places, fit_codes, levels_of
from explorer.forms.places import pack_places, spread_values
from explorer.forms.quantizer import fit_stored_scales, quantize_rows, quantizer_rows

__all__ = ["fit", "reconstruct", "refit"]


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Pruned,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Keeps round(density * weights) weights; of those, the ones that get code zero, or are zero, are dropped too."""
    bits = scheme.weight_bits
    kept = _largest(weights, round_share(scheme.density, shape.weights)) & (weights != 0)
    rows, kept_rows = (quantizer_rows(values, scheme.scale) for values in (weights * kept, kept))
    if bits == 32:
        values, scales = rows.astype(code_dtype(bits)), None
    else:
        scales = None if scheme.scale == "none" else fit_stored_scales(rows, bits, scheme.scale_bits, kept_rows)
        values = quantize_rows(rows, bits, np.ones(1, np.float32) if scales is None else scales, kept_rows)
    packed = pack_places("weights", values.reshape(shape.out_channels, -1), scheme.coefficients)
    return packed if scales is None else packed | {"scales": scales}


def refit(weights: np.ndarray, shape: ConvShape, scheme: Pruned, arrays: Arrays, seed: int, metric: Metric) -> Arrays:
    """Values and scales in a metric, from those of the largest weights: the best of what was kept and of the weights
    of largest w_j^2 / (C^-1)_jj, the error that leaving out one weight costs at least (Hassibi & Stork, Optimal Brain
    Surgeon, NIPS 1992); then places are exchanged as long as that helps, and what is kept is fitted again."""
    bits, scales = scheme.weight_bits, arrays.get("scales")
    values = _stored_rows(shape, arrays)
    levels, sharing = (FLOATS, "none") if bits == 32 else (levels_of(bits), scheme.scale)
    rows = metric.rows(weights)
    sizes = np.ones(1) if scales is None else scales.astype(np.float64)
    start = metric.rows(values.astype(np.float64)), np.broadcast_to(sizes, len(weights)).reshape(rows.shape[:2])
    most = round_share(scheme.density, shape.weights)
    saliency = np.square(rows) / np.square(metric.feedback).sum(axis=1 if metric.is_full else 2)[:, None]
    found = []
    for kept in (start[0] != 0, _largest(np.sqrt(saliency), most) & (rows != 0)):
        codes, steps = fit_codes(rows, metric, levels, (start[0] * kept, start[1]), sharing, kept, scheme.scale_bits)
        found.append((metric.error(rows, steps[:, :, None] * codes), codes, steps, kept))
    _, codes, steps, kept = min(found, key=lambda one: one[0])
    codes, kept = exchange_places(rows, metric, levels, codes, steps, kept)
    codes, steps = fit_codes(rows, metric, levels, (codes, steps), sharing, kept, scheme.scale_bits)
    packed = pack_places("weights", codes.reshape(values.shape).astype(values.dtype), scheme.coefficients)
    return packed if scales is None else packed | {"scales": steps.reshape(-1)[: len(scales)].astype(np.float32)}


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Where the ``count`` values of largest magnitude stand; of equal ones the first."""
    places = np.argsort(-np.abs(values), axis=None, kind="stable")[:count]
    mask = np.zeros(values.size, bool)
    mask[places] = True
    return mask.reshape(values.shape)


def _stored_rows(shape: ConvShape, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Codes or floats as they are stored, (n, values), 0 where none is kept."""
    return spread_values("weights", arrays, shape.out_channels, shape.group_inputs * shape.kernel_area)


def reconstruct(shape: ConvShape, scheme: Pruned, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """code * scale where a weight was kept, else 0."""
    rows = _stored_rows(shape, arrays).astype(np.float32)
    if "scales" in arrays:
        rows *= arrays["scales"][:, None]
    return rows.reshape(shape.weight_shape)
