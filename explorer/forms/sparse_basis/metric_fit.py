"""Sparse basis in a metric: coefficients with their places, and basis, in turn, each the best for the other.

In the space of a filter's coefficients the error is again quadratic: with the S*m directions V, basis filter l in
segment j, it is (a - a*)^T (V C V^T) (a - a*). So coefficients are found as single weights are
(`explorer.forms.scalar_descent`), places included: they are exchanged as long as that helps. Two supports are tried,
that of the fit to the weights alone and the one of orthogonal matching pursuit (`explorer.forms.pursuit`). The basis
follows by coordinate descent (`explorer.forms.bank_update`). No round raises the error in the metric.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from explorer.forms.bank_solver import solved_bank
from explorer.forms.bank_uses import uses_of
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, Levels, as_stored, rounded

__all__ = ["MOST_DIRECTIONS", "Parts", "refit"]

ROUNDS, SWEEPS, BASIS_SWEEPS = 2, 3, 1
MOST_WORK = 1e8
"""Multiplications of a pursuit that is tried: about a tenth of a second."""

FEW_LEVELS = 4
"""Levels of a basis whose values are chosen one by one, which is exact for each, and costs as many steps as change."""

LEAST_GAIN = 1e-3
"""Share of its error by which a round has to lower it for another one to follow."""

MOST_DIRECTIONS = 4096
"""Basis filters times segments above which coefficients keep their places: their products are a square matrix of this
side."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What the segments of a layer are made of.

    Args:
        basis: codes or floats, (g, m, L) float64.
        coefficients: codes or floats, (g, r, S, m) float64, 0 where none is stored.
        steps: by which each basis filter is multiplied, (g, m).
    """

    basis: np.ndarray
    coefficients: np.ndarray
    steps: np.ndarray

    @cached_property
    def values(self) -> np.ndarray:
        """The weights, (g, r, D)."""
        groups, rows, _, filters = self.coefficients.shape
        scaled = (self.coefficients * self.steps[:, None, None, :]).reshape(groups, -1, filters)
        values: np.ndarray = (scaled @ self.basis).reshape(groups, rows, -1)
        return values


def refit(
    weights: np.ndarray,
    metric: Metric,
    start: Parts,
    levels: tuple[Levels, Levels],
    is_sparse: bool,
    scale_bits: int = 32,
) -> Parts:
    """Parts of small error in the metric, never of a greater one than the start's.

    Args:
        weights: (n, ...) float64.
        metric: of the layer.
        start: the fit to the weights alone.
        levels: of the basis and of the coefficients.
        is_sparse: whether coefficients can be left out; else all are stored.
        scale_bits: of the steps, as they are stored.
    """
    from explorer.forms.pursuit import pursue, pursuit_work

    rows = metric.rows(weights)
    count = int(np.count_nonzero(start.coefficients))
    starts = [(start, _kept(start, is_sparse))]
    if is_sparse and count and _is_small(start, metric):
        gram, target = _products(start, metric, rows)
        if pursuit_work(target.shape, count) <= MOST_WORK:
            found = _from_problem(pursue(gram, target, count), start, metric)
            codes = np.where(found != 0, rounded(found, levels[1]), 0.0)
            starts.append((replace(start, coefficients=codes), found != 0))
    begun = [_with_coefficients(rows, metric, *one, levels[1], is_sparse) for one in starts]
    errors = [_error(rows, metric, parts) for parts, _ in begun]
    number = int(np.argmin(errors))
    parts = _in_float32(_descend(rows, metric, *begun[number], errors[number], levels, is_sparse, scale_bits))
    return parts if _error(rows, metric, parts) <= _error(rows, metric, start) else start


def _in_float32(parts: Parts) -> Parts:
    """As they are stored: real values of a basis whose coefficients are all but zero are huge, and cancel no more."""
    basis, coefficients = (part.astype(np.float32).astype(np.float64) for part in (parts.basis, parts.coefficients))
    return replace(parts, basis=basis, coefficients=coefficients)


def _kept(parts: Parts, is_sparse: bool) -> np.ndarray:
    """Where coefficients may stand."""
    return parts.coefficients != 0 if is_sparse else np.ones(parts.coefficients.shape, bool)


def _is_small(parts: Parts, metric: Metric) -> bool:
    """Whether the coefficients of a filter are few enough to be found together."""
    return not metric.is_full or parts.coefficients.shape[2] * parts.coefficients.shape[3] <= MOST_DIRECTIONS


def _error(rows: np.ndarray, metric: Metric, parts: Parts) -> float:
    missed = rows - parts.values
    return float((metric.times(missed) * missed).sum())


def _to_problem(values: np.ndarray, metric: Metric) -> np.ndarray:
    """Coefficients (g, r, S, m) filter by filter, (g, r, S*m); segment by segment under a diagonal metric, which keeps
    them apart: (g*S, r, m)."""
    groups, rows, segments, filters = values.shape
    if metric.is_full:
        return np.ascontiguousarray(values.reshape(groups, rows, -1))
    return np.ascontiguousarray(values.swapaxes(1, 2).reshape(groups * segments, rows, filters))


def _from_problem(values: np.ndarray, parts: Parts, metric: Metric) -> np.ndarray:
    """The inverse of `_to_problem`."""
    groups, rows, segments, filters = parts.coefficients.shape
    if metric.is_full:
        return values.reshape(parts.coefficients.shape)
    return values.reshape(groups, segments, rows, filters).swapaxes(1, 2)


def _products(parts: Parts, metric: Metric, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products in the metric of the directions, which a coefficient of 1 adds, with one another and with ``rows``
    (g, r, D); laid out as `_to_problem`."""
    groups, _, segments, filters = parts.coefficients.shape
    basis = parts.basis * parts.steps[:, :, None]
    length = basis.shape[2]
    by_segment = metric.times(rows).reshape(groups, -1, segments, length)
    target = _to_problem(np.einsum("grsd,gmd->grsm", by_segment, basis, optimize=True), metric)
    if not metric.is_full:
        weighted = basis[:, None] * metric.matrix.reshape(groups, segments, 1, length)
        return (weighted @ basis[:, None].swapaxes(2, 3)).reshape(-1, filters, filters), target
    blocks = metric.matrix.reshape(groups, segments, length, segments, length)
    half = np.einsum("gmd,gsdte->gsmte", basis, blocks, optimize=True)
    gram = np.einsum("gsmte,gne->gsmtn", half, basis, optimize=True)
    return np.ascontiguousarray(gram.reshape(groups, segments * filters, -1)), target


def _descend(
    rows: np.ndarray,
    metric: Metric,
    parts: Parts,
    kept: np.ndarray,
    error: float,
    levels: tuple[Levels, Levels],
    is_sparse: bool,
    scale_bits: int,
) -> Parts:
    """The end of a descent, from parts with their error."""
    for _ in range(ROUNDS):
        parts = _with_basis(rows, metric, parts, error, levels[0])
        if FLOATS not in levels:
            parts = _rescaled(rows, metric, parts, scale_bits)
        parts, kept = _with_coefficients(rows, metric, parts, kept, levels[1], is_sparse)
        before, error = error, _error(rows, metric, parts)
        if before - error <= LEAST_GAIN * before:
            break
    return parts


def _with_basis(rows: np.ndarray, metric: Metric, parts: Parts, error: float, levels: Levels) -> Parts:
    """Parts, of some error, with a better basis. Few levels are chosen value by value; of many, real values are found
    first, and rounded where that is no worse than what was there."""
    from explorer.forms import bank_update

    groups, filters, _ = parts.basis.shape
    if levels[2] > 0 and levels[1] - levels[0] <= FEW_LEVELS * levels[2]:
        gradient, basis = metric.times(rows - parts.values), parts.basis.copy()
        which = np.broadcast_to(np.arange(filters), parts.coefficients.shape)
        uses = uses_of(which, parts.coefficients, filters)
        bank_update.update(gradient, metric.cells, basis, parts.steps, *uses, levels, BASIS_SWEEPS)
        return replace(parts, basis=basis)
    mixing = (parts.coefficients * parts.steps[:, None, None, :]).reshape(groups, -1, filters)
    exact = solved_bank(rows, metric, mixing, parts.basis)
    found = replace(parts, basis=rounded(exact, levels))
    return found if _error(rows, metric, found) <= error else parts


def _with_coefficients(
    rows: np.ndarray, metric: Metric, parts: Parts, kept: np.ndarray, levels: Levels, is_sparse: bool
) -> tuple[Parts, np.ndarray]:
    """The parts with better coefficients, and where these may stand now."""
    from explorer.forms import scalar_descent

    if not _is_small(parts, metric):
        return parts, kept
    gram, gradient = _products(parts, metric, rows - parts.values)
    codes, places = _to_problem(parts.coefficients, metric).copy(), _to_problem(kept, metric).copy()
    ones = np.ones(codes.shape[:2])
    scalar_descent.descend(gradient, gram, ones, codes, places, levels, SWEEPS)
    if is_sparse:
        scalar_descent.exchange(gradient, gram, ones, codes, places, levels, codes.shape[2])
        scalar_descent.descend(gradient, gram, ones, codes, places, levels, SWEEPS)
    found = replace(parts, coefficients=np.ascontiguousarray(_from_problem(codes, parts, metric)))
    return found, np.ascontiguousarray(_from_problem(places, parts, metric))


def _rescaled(rows: np.ndarray, metric: Metric, parts: Parts, scale_bits: int) -> Parts:
    """The same codes with the steps of each group times their best factor, as they are stored."""
    values = parts.values
    spread = metric.times(values)
    along, energy = (rows * spread).sum(axis=(1, 2)), (values * spread).sum(axis=(1, 2))
    usable = (energy > 0) & (along > 0)
    factors = np.where(usable, along, 1.0) / np.where(usable, energy, 1.0)
    return replace(parts, steps=as_stored(parts.steps * factors[:, None], scale_bits))
