"""Stacked filters in a metric: selection, scales and bank in turn, each the best for the others.

From the fit to the weights alone, and from its bank with selections chosen by error feedback, rounds of coordinate
descent (`explorer.forms.bank_descent`, `explorer.forms.bank_update`) follow; the better end is kept. No round raises
the error in the metric.
"""

import numpy as np

from explorer.forms.bank_uses import uses_of
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, Levels, as_stored
from explorer.forms.segment_feedback import segment_feedback

__all__ = ["refit"]

ROUNDS, SWEEPS, BANK_SWEEPS = 4, 3, 2
LEAST_GAIN = 1e-3
"""Share of its error by which a round has to lower it for another one to follow."""

BINARY: Levels = (-1.0, 1.0, 2.0)

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Bank (g, k, L), selection (g, r, S) and scales (g, r, S)."""


def refit(weights: np.ndarray, metric: Metric, start: Parts, scale: str, binary: bool, scale_bits: int = 32) -> Parts:
    """Bank, selection and scales of small error in the metric, never of a greater one than the start's.

    Args:
        weights: w, (n, ...) float64.
        metric: of the layer.
        start: the fit to the weights alone.
        scale: ``none``, ``filter`` or ``segment``.
        binary: whether the bank is of -1 and 1; else of floats.
        scale_bits: of the scales, as they are stored.
    """
    from explorer.forms import bank_descent

    rows = metric.rows(weights)
    bank, selection, scales = start
    mode = bank_descent.FREE if scale == "segment" else bank_descent.FIXED
    fed_selection, fed_scales = selection.copy(), scales.copy()
    if metric.is_full:
        blocks, onward = segment_feedback(metric, selection.shape[2])
        bank_descent.feed_back(rows, blocks, onward, bank, selection.shape[2], fed_selection, fed_scales, mode)
    starts = [start, (bank, fed_selection, fed_scales)] if metric.is_full else [start]
    ends = [_descend(rows, metric, one, scale, BINARY if binary else FLOATS, mode) for one in starts]
    ends = [_stored(rows, metric, end, scale_bits) for end, _ in ends] if scale != "none" else ends
    best = min(ends, key=lambda end: end[1])
    return best[0] if best[1] <= _error(rows, metric, start) else start


def _error(rows: np.ndarray, metric: Metric, parts: Parts) -> float:
    missed = rows - _values(*parts)
    return float((metric.times(missed) * missed).sum())


def _stored(rows: np.ndarray, metric: Metric, parts: Parts, scale_bits: int) -> tuple[Parts, float]:
    """Parts with scales as they are stored, the selections that are best for these, and their error."""
    from explorer.forms import bank_descent

    bank, selection, scales = parts[0], parts[1].copy(), as_stored(parts[2], scale_bits)
    gradient = metric.times(rows - _values(bank, selection, scales))
    segments, fixed = selection.shape[2], bank_descent.FIXED
    bank_descent.choose(gradient, metric.cells, bank, segments, selection, scales, fixed, SWEEPS)
    return (bank, selection, scales), _error(rows, metric, (bank, selection, scales))


def _descend(
    rows: np.ndarray, metric: Metric, start: Parts, scale: str, levels: Levels, mode: int
) -> tuple[Parts, float]:
    """The end of a descent and its error."""
    from explorer.forms import bank_descent, bank_update

    bank, selection, scales = (part.copy() for part in start)
    missed = rows - _values(bank, selection, scales)
    error = float((metric.times(missed) * missed).sum())
    for _ in range(ROUNDS):
        if scale == "filter":
            scales = _filter_scales(rows, metric, bank, selection, scales)
        gradient = metric.times(rows - _values(bank, selection, scales))
        bank_descent.choose(gradient, metric.cells, bank, selection.shape[2], selection, scales, mode, SWEEPS)
        uses = uses_of(selection[..., None], scales[..., None], bank.shape[1])
        bank_update.update(gradient, metric.cells, bank, np.ones(bank.shape[:2]), *uses, levels, BANK_SWEEPS)
        before, error = error, float((gradient * (rows - _values(bank, selection, scales))).sum())
        if before - error <= LEAST_GAIN * before:
            break
    if scale == "filter":
        scales = _filter_scales(rows, metric, bank, selection, scales)
    missed = rows - _values(bank, selection, scales)
    return (bank, selection, scales), float((metric.times(missed) * missed).sum())


def _values(bank: np.ndarray, selection: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Rows (g, r, D) that the parts stand for."""
    chosen = bank[np.arange(len(bank))[:, None, None], selection] * scales[..., None]
    values: np.ndarray = chosen.reshape(*selection.shape[:2], -1)
    return values


def _filter_scales(
    rows: np.ndarray, metric: Metric, bank: np.ndarray, selection: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """The best scale of each filter, in the place of all its segments'; those of before where none is better."""
    units = _values(bank, selection, np.ones_like(scales))
    spread = metric.times(units)
    along, energy = (rows * spread).sum(axis=2), (units * spread).sum(axis=2)
    best = np.where(energy > 0, along / np.where(energy > 0, energy, 1.0), scales[:, :, 0])
    return np.repeat(best[:, :, None], scales.shape[2], axis=2)
