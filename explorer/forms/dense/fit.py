"""Dense weights: uniform quantization with error-minimizing scales, XNOR-Net's binary weights at one bit.

Arrays: ``weights`` (n, c/g, kh, kw), codes of `costmodels.codes`, or float32 at 32 bits; ``scales`` (n,) or
(1,) float32 where the scheme has any.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.codes import code_dtype
from costmodels.schemes import Dense
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.quantizer import fit_scales, quantize_rows

__all__ = ["fit", "quantizer_rows", "reconstruct"]


def quantizer_rows(weights: np.ndarray, scale: str) -> np.ndarray:
    """``weights`` (n, ...) as rows that share a quantizer scale: one per filter, or one for all."""
    return weights.reshape(len(weights) if scale == "filter" else 1, -1)


def fit(weights: np.ndarray, shape: ConvShape, scheme: Dense, seed: int, codebook: np.ndarray | None = None) -> Arrays:
    """Codes and scales. With ``scale="none"`` a code stands for itself, so only weights of that size fit well."""
    bits = scheme.weight_bits
    if bits == 32:
        return {"weights": weights.astype(code_dtype(bits))}
    rows = quantizer_rows(weights, scheme.scale)
    scales = np.ones(1, np.float32) if scheme.scale == "none" else fit_scales(rows, bits)
    codes = quantize_rows(rows, bits, scales).reshape(shape.weight_shape)
    return {"weights": codes} | ({} if scheme.scale == "none" else {"scales": scales})


def reconstruct(shape: ConvShape, scheme: Dense, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """code * scale."""
    weights = arrays["weights"].astype(np.float32)
    return weights * arrays["scales"].reshape(-1, 1, 1, 1) if "scales" in arrays else weights
