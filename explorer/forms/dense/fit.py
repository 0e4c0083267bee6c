"""Dense weights: uniform quantization with error-minimizing scales, XNOR-Net's binary weights at one bit.

Arrays: ``weights`` (n, c/g, kh, kw), codes of `costmodels.codes`, or float32 at 32 bits; ``scales`` (n,) or
(1,) float32 where the scheme has any; ``zeros`` int8 likewise, the zero points.
"""

import numpy as np

from costmodels.codes import code_dtype
from costmodels.schemes import Dense
from costmodels.shapes import ConvShape
from explorer.forms.dense.zero_points import fit_with_zeros, refit_with_zeros
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import levels_of, refit_scaled
from explorer.forms.quantizer import fit_stored_scales, quantize_rows, quantizer_rows

__all__ = ["fit", "refit"]


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Dense,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Codes and scales. With ``scale="none"`` a code stands for itself, so only weights of that size fit well."""
    bits = scheme.weight_bits
    if bits == 32:
        return {"weights": weights.astype(code_dtype(bits))}
    rows = quantizer_rows(weights, scheme.scale)
    scales = np.ones(1, np.float32) if scheme.scale == "none" else fit_stored_scales(rows, bits, scheme.scale_bits)
    codes = quantize_rows(rows, bits, scales).reshape(shape.weight_shape)
    arrays = {"weights": codes} | ({} if scheme.scale == "none" else {"scales": scales})
    return fit_with_zeros(weights, arrays, scheme) if scheme.zero_width else arrays


def refit(weights: np.ndarray, shape: ConvShape, scheme: Dense, arrays: Arrays, seed: int, metric: Metric) -> Arrays:
    """Codes and scales in a metric, see `explorer.forms.metric_codes`; zero points too, where there are some
    (`explorer.forms.dense.zero_points`); floats stay."""
    bits = scheme.weight_bits
    if scheme.zero_width:
        return refit_with_zeros(weights, arrays, metric, scheme)
    return arrays if bits == 32 else refit_scaled(weights, arrays, metric, levels_of(bits), scheme)
