"""Codes and scales of single weights in a metric: the scalar quantizer of `explorer.forms.quantizer`, data-aware.

From several starting scales, shares of the best one for the weights alone, codes follow by error feedback and
coordinate descent (`explorer.forms.scalar_descent`) and scales by least squares in the metric, in turn: s =
(q^T C w) / (q^T C q), of a filter or summed over a layer. No step but the first raises the error, and the codes that
are best for the weights alone are one of the starts, so that the result is never worse than they are in the metric.
"""

from typing import Protocol

import numpy as np

from costmodels.codes import code_levels
from costmodels.scales import round_scales
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric

__all__ = [
    "FLOATS",
    "Levels",
    "as_stored",
    "exchange_places",
    "fit_codes",
    "levels_of",
    "refit_scaled",
    "rounded",
]

Levels = tuple[float, float, float]
"""The least and the greatest level, and the distance of two neighbours."""

FLOATS: Levels = (-np.inf, np.inf, 0.0)
"""All numbers, for values that are stored as they are."""

SHARES = (0.8, 0.9, 1.0, 1.1)
"""Starting scales, as shares of the one that is best for the weights alone."""

ROUNDS, SWEEPS = 3, 4


def levels_of(bits: int) -> Levels:
    """The levels of codes of ``bits`` bits (1 to 16).

    >>> levels_of(2), levels_of(3)
    ((-3.0, 3.0, 2.0), (-4.0, 3.0, 1.0))
    """
    levels = code_levels(bits)
    return float(levels[0]), float(levels[-1]), float(levels[1] - levels[0])


def rounded(values: np.ndarray, levels: Levels) -> np.ndarray:
    """The nearest level of each value; the values themselves where all numbers are levels."""
    low, high, step = levels
    if step == 0:
        return values
    nearest: np.ndarray = np.clip(np.rint((values - low) / step) * step + low, low, high)
    return nearest


def as_stored(scales: np.ndarray, bits: int = 32) -> np.ndarray:
    """Scales of a layer as they are stored in so many bits, in float64."""
    stored: np.ndarray = round_scales(scales, bits).astype(np.float64)
    return stored


def fit_codes(
    rows: np.ndarray,
    metric: Metric,
    levels: Levels,
    start: tuple[np.ndarray, np.ndarray],
    sharing: str,
    kept: np.ndarray | None = None,
    scale_bits: int = 32,
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales of small error in the metric, never of a greater one than the start's.

    Args:
        rows: w, (g, r, D) float64.
        metric: of the D values.
        levels: of the codes.
        start: codes (g, r, D) and scales (g, r) of the fit to the weights alone, as they are stored.
        sharing: ``filter`` for a scale of each row, ``layer`` for one of all, ``none`` for scales that stay.
        kept: (g, r, D) of bool, where codes may stand; all, if not given. Where not, codes are 0.
        scale_bits: of the scales, as they are stored.

    Returns:
        Codes (g, r, D) float64, and scales (g, r) as they are stored.
    """
    from explorer.forms import scalar_descent  # numba takes a second to import

    kept = np.ones(rows.shape, bool) if kept is None else kept
    best_codes, best_scales = start[0].astype(np.float64), start[1].astype(np.float64)
    pulls = metric.times(rows)
    best = _errors(rows, pulls, metric.times(best_codes), best_codes, best_scales, sharing)
    first = best_codes, best_scales, best.sum()
    for share in SHARES if sharing != "none" else (1.0,):
        scales = share * start[1].astype(np.float64)
        codes = scalar_descent.feed_back(rows, metric.feedback, scales, kept, levels)
        codes, scales, errors = _alternate(rows, pulls, metric, levels, codes, scales, sharing, kept)
        is_better = errors < best
        best = np.where(is_better, errors, best)
        best_codes = np.where(is_better[:, :, None], codes, best_codes)
        best_scales = np.where(is_better, scales, best_scales)
    if sharing == "none":
        return best_codes, best_scales
    best_scales = as_stored(best_scales, scale_bits)
    gradient = metric.times(rows - best_scales[:, :, None] * best_codes)
    scalar_descent.descend(gradient, metric.cells, best_scales, best_codes, kept, levels, SWEEPS)
    error = ((rows - best_scales[:, :, None] * best_codes) * gradient).sum()
    return (best_codes, best_scales) if error <= first[2] * (1 + 1e-12) else first[:2]


class _Scaled(Protocol):
    """What a scheme says of its scales: whether filters or the layer have one, or none; and their bits."""

    @property
    def scale(self) -> str: ...

    @property
    def scale_bits(self) -> int: ...


def refit_scaled(weights: np.ndarray, arrays: Arrays, metric: Metric, levels: Levels, scheme: _Scaled) -> Arrays:
    """`fit_codes` of a layer from its fit to the weights alone, as it is stored and in the same types.

    Args:
        weights: (n, c/g, kh, kw) float64.
        arrays: ``weights``, codes of the same shape; ``scales`` (n,) or (1,) float32 where the scheme has any.
        metric: of the layer.
        levels: of the codes.
        scheme: of the layer.
    """
    codes, scales = arrays["weights"], arrays.get("scales", np.ones(1, np.float32))
    rows = metric.rows(weights)
    spread = np.broadcast_to(scales.astype(np.float64), len(weights)).reshape(rows.shape[:2])
    start = metric.rows(codes), spread
    found, sizes = fit_codes(rows, metric, levels, start, scheme.scale, scale_bits=scheme.scale_bits)
    stored = {"weights": found.reshape(codes.shape).astype(codes.dtype)}
    if "scales" not in arrays:
        return stored
    return stored | {"scales": sizes.reshape(-1)[: len(scales)].astype(np.float32)}


def exchange_places(
    rows: np.ndarray,
    metric: Metric,
    levels: Levels,
    codes: np.ndarray,
    scales: np.ndarray,
    kept: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Codes with better places to stand, as many in each row, and these places.

    Args:
        rows: w, (g, r, D) float64.
        metric: of the D values.
        levels: of the codes.
        codes: (g, r, D) float64, 0 where not kept.
        scales: (g, r), which stay.
        kept: (g, r, D) of bool.
    """
    from explorer.forms import scalar_descent

    codes, kept = codes.copy(), kept.copy()
    gradient = metric.times(rows - scales[:, :, None] * codes)
    for _ in range(ROUNDS):
        before = kept.copy()
        scalar_descent.exchange(gradient, metric.cells, scales, codes, kept, levels, rows.shape[2])
        scalar_descent.descend(gradient, metric.cells, scales, codes, kept, levels, SWEEPS)
        if np.array_equal(before, kept):
            break
    return codes, kept


def _alternate(
    rows: np.ndarray,
    pulls: np.ndarray,
    metric: Metric,
    levels: Levels,
    codes: np.ndarray,
    scales: np.ndarray,
    sharing: str,
    kept: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales and codes in turn, codes last, and the errors that they leave; ``pulls`` are the rows times C."""
    from explorer.forms import scalar_descent

    spread = metric.times(codes)
    for _ in range(ROUNDS):
        scales = _least_squares_scales(pulls, spread, codes, scales, sharing)
        gradient = pulls - scales[:, :, None] * spread
        before = codes.copy()
        scalar_descent.descend(gradient, metric.cells, scales, codes, kept, levels, SWEEPS)
        if np.array_equal(before, codes):
            break
        spread = metric.times(codes)
    return codes, scales, _errors(rows, pulls, spread, codes, scales, sharing)


def _least_squares_scales(
    pulls: np.ndarray, spread: np.ndarray, codes: np.ndarray, scales: np.ndarray, sharing: str
) -> np.ndarray:
    """The scales of least error for codes whose product with C is ``spread``; those of before where no positive one
    helps."""
    if sharing == "none":
        return scales
    along, energy = (pulls * codes).sum(axis=2), (codes * spread).sum(axis=2)
    if sharing == "layer":
        along, energy = np.full_like(along, along.sum()), np.full_like(energy, energy.sum())
    usable = (energy > 0) & (along > 0)
    found: np.ndarray = np.where(usable, along / np.where(energy > 0, energy, 1.0), scales)
    return found


def _errors(
    rows: np.ndarray, pulls: np.ndarray, spread: np.ndarray, codes: np.ndarray, scales: np.ndarray, sharing: str
) -> np.ndarray:
    """(g, r): each row's error in the metric; that of all rows in each place where they share a scale."""
    steps = scales[:, :, None]
    errors: np.ndarray = ((pulls - steps * spread) * (rows - steps * codes)).sum(axis=2)
    return np.full_like(errors, errors.sum()) if sharing == "layer" else errors
