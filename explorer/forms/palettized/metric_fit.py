"""Palettized weights in a metric: the index of each weight by error feedback and coordinate descent
(`explorer.forms.bank_descent`, segments of one value), at palettes and scales of the fit to the weights alone. Of both
indices of a filter the one of less error is kept."""

import numpy as np

from explorer.forms.metric import Metric
from explorer.forms.segment_feedback import segment_feedback

__all__ = ["refit"]

SWEEPS = 6


def refit(
    weights: np.ndarray,
    metric: Metric,
    palettes: np.ndarray,
    of_filter: np.ndarray,
    scales: np.ndarray,
    index: np.ndarray,
) -> np.ndarray:
    """Indices (n, D) of small error in the metric, for no filter of a greater one than the start's.

    Args:
        weights: (n, ...) float64.
        metric: of the layer.
        palettes: (palettes, K) float64.
        of_filter: the palette of each filter, (n,).
        scales: (n,) float64.
        index: of the fit to the weights alone, (n, D).
    """
    from explorer.forms import bank_descent

    rows, found = metric.rows(weights), index.astype(np.int64)
    groups, filters, columns = rows.shape
    feedback = segment_feedback(metric, columns) if metric.is_full else None
    for number in range(groups * filters):
        g = slice(number // filters, number // filters + 1)
        row = rows[g, number % filters][:, None]
        bank = palettes[of_filter[number]][None, :, None]
        factors = np.full((1, 1, columns), scales[number])
        starts = [found[number][None, None].copy()]
        if feedback is not None:
            fed = starts[0].copy()
            blocks, onward = (part[g] for part in feedback)
            bank_descent.feed_back(row, blocks, onward, bank, columns, fed, factors.copy(), bank_descent.FIXED)
            starts.append(fed)
        errors = []
        for own in starts:
            missed = row - factors * bank[0, own[0], 0]
            part = Metric(metric.matrix[g])
            gradient = part.times(missed)
            bank_descent.choose(
                *(gradient, metric.cells[g], bank, columns, own, factors.copy()), bank_descent.FIXED, SWEEPS
            )
            missed = row - factors * bank[0, own[0], 0]
            errors.append(float((part.times(missed) * missed).sum()))
        found[number] = starts[int(np.argmin(errors))][0, 0]
    return found
