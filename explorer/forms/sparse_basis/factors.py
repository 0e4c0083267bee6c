"""A factor of a layer's segments, the basis or the coefficients, and how one is found while the other stays.

Legend: as in `explorer.forms.segments`; m basis filters.
"""

from typing import NamedTuple

import numpy as np

from explorer.forms.metric_codes import levels_of
from explorer.forms.quantizer import fit_scales, round_to_codes

__all__ = ["Factor", "least_squares", "nearest_codes", "positive_steps", "refit_support", "round_by_descent"]

REFIT_STEPS, REFIT_REST = 10, 1e-4
"""Steps of conjugate gradients at most, and the share of the first residual's size, squared, that ends them: what is
left then raises the squared error by about a millionth of itself."""

TOGETHER = 256
"""Columns that are solved together: of 500 filters they take a megabyte, which stays in the cache of a core."""

RIDGE = 1e-10
"""Added to Gram matrices, relative to their mean diagonal, so that unused and dependent basis filters have a
solution too."""


class Factor(NamedTuple):
    """A factor, filter by filter: codes (g, m, values), as floats, times scales (g, 1) or (g, m), 1 if unquantized."""

    codes: np.ndarray
    scales: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """codes * scales, (g, m, values)."""
        values: np.ndarray = self.codes * self.scales[:, :, None]
        return values


def nearest_codes(values: np.ndarray, bits: int, scale: str) -> Factor:
    """Codes with error-minimizing scales for (g, m, values), one scale a group or one a filter."""
    if bits == 32:
        return Factor(values, np.ones((len(values), 1)))
    rows = values.reshape(len(values) * (1 if scale == "layer" else values.shape[1]), -1)
    scales = fit_scales(rows, bits).astype(np.float64).reshape(len(values), -1)
    return Factor(round_to_codes(values / positive_steps(scales), bits), scales)


def positive_steps(scales: np.ndarray) -> np.ndarray:
    """Scales (g, 1) or (g, m) to divide by, (g, 1 or m, 1): 1 in place of 0."""
    return np.where(scales > 0, scales, 1.0)[:, :, None]


def least_squares(gram: np.ndarray, target: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Least squares gram * x = target, drawn to ``fallback`` where gram leaves it open."""
    size = gram.shape[1]
    mean = np.einsum("gmm->g", gram) / size
    ridge = RIDGE * np.where(mean > 0, mean, 1.0)[:, None, None]
    return np.linalg.solve(gram + ridge * np.eye(size), target + ridge * fallback)


def refit_support(gram: np.ndarray, target: np.ndarray, start: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Least squares on the support ``kept`` (g, m, M) of each column, by conjugate gradients (Hestenes & Stiefel 1952)
    for `TOGETHER` columns at once, preconditioned with the diagonal."""
    solution = np.empty_like(start)
    for first in range(0, start.shape[2], TOGETHER):
        columns = slice(first, first + TOGETHER)
        parts = (np.ascontiguousarray(part[:, :, columns]) for part in (target, start, kept))
        solution[:, :, columns] = _refit_columns(gram, *parts)
    return solution


def _refit_columns(gram: np.ndarray, target: np.ndarray, start: np.ndarray, kept: np.ndarray) -> np.ndarray:
    inverse = np.einsum("gmm->gm", gram)[:, :, None]
    inverse = 1 / np.where(inverse > 0, inverse, 1.0)
    solution: np.ndarray = start * kept
    residual = (target - gram @ solution) * kept
    direction = inverse * residual
    size = (residual * direction).sum(axis=1, keepdims=True)
    rest = REFIT_REST * size.sum()
    for _ in range(REFIT_STEPS):
        if size.sum() <= rest:
            break
        along = (gram @ direction) * kept
        curvature = (direction * along).sum(axis=1, keepdims=True)
        step = size / np.where(curvature > 0, curvature, np.inf)
        solution += step * direction
        residual -= step * along
        scaled = inverse * residual
        previous, size = size, (residual * scaled).sum(axis=1, keepdims=True)
        direction = scaled + size / np.where(previous > 0, previous, np.inf) * direction
    return solution


def round_by_descent(
    factor: Factor, gram: np.ndarray, target: np.ndarray, bits: int, kept: np.ndarray | None
) -> Factor:
    """One sweep over the filters: codes of filter l are rounded from what is best for the codes of all others."""
    from explorer.forms import scalar_descent  # numba takes a second to import

    scales = np.broadcast_to(factor.scales, factor.codes.shape[:2])[:, :, None]
    places = np.ones(factor.codes.shape, bool) if kept is None else kept
    codes = factor.codes * places
    gradient = scales * (target - gram @ (codes * scales))
    gradient, codes, places = (np.ascontiguousarray(one.swapaxes(1, 2)) for one in (gradient, codes, places))
    cells = gram * scales * scales.swapaxes(1, 2)
    scalar_descent.descend(gradient, cells, np.ones(codes.shape[:2]), codes, places, levels_of(bits), 1)
    return factor._replace(codes=codes.swapaxes(1, 2))
