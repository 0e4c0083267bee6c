"""The scalar quantizer of every scheme: integer codes times a float32 scale that minimizes the squared error.

The codes of b bits are those of `costmodels.codes`.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.codes import code_dtype, code_levels, has_zero
from costmodels.scales import round_scales
from costmodels.schemes import Scheme
from costmodels.shapes import ConvShape

__all__ = ["fit_scales", "fit_stored_scales", "quantize_rows", "quantizer_rows", "reconstruct_scaled", "round_to_codes"]

COARSE = np.linspace(0.1, 1.0, 10)
"""First scales of the search, as shares of the one that clips nothing; the last is plain max-abs scaling."""

FINE = np.linspace(0.93, 1.07, 8)
"""Further scales, as shares of the best so far. Rows of 576 Gaussian weights end 0.03% above the least error at 4 bits,
2% at 8 bits, where the error is small."""


def round_to_codes(values: np.ndarray, bits: int) -> np.ndarray:
    """The nearest level of each value, as floats; ``values`` are in units of the scale."""
    half = 1 << (bits - 1)
    if bits == 1:
        return np.where(values < 0, -1.0, 1.0)
    if has_zero(bits):
        codes: np.ndarray = np.rint(values)
        return np.clip(codes, -half, half - 1, out=codes)
    codes = np.floor(values / 2)
    odd: np.ndarray = 2 * np.clip(codes, -half, half - 1, out=codes) + 1
    return odd


def fit_scales(rows: np.ndarray, bits: int, kept: np.ndarray | None = None) -> np.ndarray:
    """The scale of each row that minimizes sum((row - scale*codes)^2): never worse than max-abs scaling.

    One bit has the closed form mean(|row|). Else, from each scale of a coarse and then a fine search, codes (nearest
    level) and scale (least squares, <row, codes>/<codes, codes>) follow in turn; neither step can raise the error.

    Args:
        rows: (rows, values).
        bits: 1 to 16.
        kept: (rows, values) of bool, the values that are coded; the others do not count. All, if not given.

    Returns:
        (rows,) float32, at least 0.
    """
    peaks = np.abs(rows).max(axis=1, initial=0.0)
    units = rows / np.where(peaks > 0, peaks, 1.0)[:, None]
    if bits == 1:
        count = np.full(len(rows), rows.shape[1]) if kept is None else kept.sum(axis=1)
        return _sized(np.abs(units).sum(axis=1) / np.maximum(count, 1), peaks)
    scales = np.full(len(rows), 1 / code_levels(bits)[-1])
    gains = np.full(len(rows), -np.inf)
    for shares in (COARSE, FINE, np.ones(1)):
        starts = scales
        for share in shares:
            tried, tried_gains = _least_squares_scales(units, share * starts, bits, kept)
            better = tried_gains > gains
            scales, gains = np.where(better, tried, scales), np.where(better, tried_gains, gains)
    return _sized(scales, peaks)


def _sized(scales: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Scales as shares of their rows' peaks, as they are stored."""
    stored: np.ndarray = (scales * peaks).astype(np.float32)
    return stored


def fit_stored_scales(rows: np.ndarray, bits: int, scale_bits: int, kept: np.ndarray | None = None) -> np.ndarray:
    """`fit_scales`, rounded as a layer stores them; codes are to be found at these.

    Args:
        rows: as for `fit_scales`, of one layer.
        bits: of a code.
        scale_bits: of a stored scale.
        kept: as for `fit_scales`.
    """
    return round_scales(fit_scales(rows, bits, kept), scale_bits)


def _least_squares_scales(
    units: np.ndarray, scales: np.ndarray, bits: int, kept: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares scales for the codes that ``scales`` give, and by how much they lower the squared error."""
    codes = round_to_codes(units * (1 / scales)[:, None], bits)
    if kept is not None and not has_zero(bits):
        codes *= kept
    along = np.einsum("ij,ij->i", units, codes)
    energy = np.einsum("ij,ij->i", codes, codes)
    usable = (energy > 0) & (along > 0)
    fitted = np.where(usable, along, scales) / np.where(usable, energy, 1.0)
    return fitted, np.where(usable, fitted * along, 0.0)


def quantize_rows(rows: np.ndarray, bits: int, scales: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """Codes of ``rows`` (rows, values) at ``scales`` (rows,), in the type of `code_dtype`; 0 where not kept."""
    steps = scales.astype(np.float64)
    codes = round_to_codes(rows / np.where(steps > 0, steps, 1.0)[:, None], bits)
    return (codes if kept is None else codes * kept).astype(code_dtype(bits))


def quantizer_rows(weights: np.ndarray, scale: str) -> np.ndarray:
    """``weights`` (n, ...) as rows that share a quantizer scale: one per filter, or one for all."""
    return weights.reshape(len(weights) if scale == "filter" else 1, -1)


def reconstruct_scaled(shape: ConvShape, scheme: Scheme, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """(code - zero point) * scale, of layers that store ``weights`` (n, c/g, kh, kw) and, where they have any,
    ``scales`` and ``zeros``."""
    weights: np.ndarray = arrays["weights"].astype(np.float32)
    if "zeros" in arrays:
        weights -= arrays["zeros"].reshape(-1, 1, 1, 1)
    return weights * arrays["scales"].reshape(-1, 1, 1, 1) if "scales" in arrays else weights
