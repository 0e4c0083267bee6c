"""Palettized weights in a metric: indices, scales and palettes in turn, each the best for the others.

From the fit to the weights alone, indices follow by error feedback at several shares of its scales, of which each
filter keeps its best; then indices by coordinate descent (`explorer.forms.palettized.palette_descent`), scales by least
squares, s = (q^T C w) / (q^T C q), and palettes by least squares too, as they are stored. With the indicator m_k of the
weights that take the value k the error is a quadratic form of a palette's values, with s_i^2 m_k^T C m_l between two
and s_i m_k^T C w_i towards the weights. A round that raises the error is not taken, so that the result is never worse
than the fit to the weights alone in the metric.
"""

from dataclasses import dataclass, replace

import numpy as np

from costmodels.schemes import Palettized
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import as_stored

__all__ = ["Parts", "refit"]

SHARES = (0.9, 1.0, 1.1)
"""Starting scales, as shares of those of the fit to the weights alone."""

ROUNDS, SWEEPS = 3, 4
LEAST_GAIN = 1e-3
"""Share of its error by which a round has to lower it for another one to follow."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What the filters of a layer are made of.

    Args:
        palettes: as they are stored, (palettes, 2^b) float64.
        which: (g, r) the palette of each filter.
        index: (g, r, D) int64.
        scales: (g, r), as they are stored; 1 where there are none.
    """

    palettes: np.ndarray
    which: np.ndarray
    index: np.ndarray
    scales: np.ndarray

    @property
    def units(self) -> np.ndarray:
        """The weights over their scales, (g, r, D)."""
        units: np.ndarray = np.take_along_axis(self.palettes[self.which], self.index, axis=2)
        return units

    def errors(self, rows: np.ndarray, metric: Metric) -> np.ndarray:
        """(g, r), of each filter in the metric."""
        missed = rows - self.units * self.scales[:, :, None]
        errors: np.ndarray = (metric.times(missed) * missed).sum(axis=2)
        return errors


def refit(weights: np.ndarray, metric: Metric, start: Parts, scheme: Palettized) -> Parts:
    """Parts of small error in the metric, never of a greater one than the start's.

    Args:
        weights: (n, ...) float64.
        metric: of the layer.
        start: the fit to the weights alone.
        scheme: whose parts these are.
    """
    rows = metric.rows(weights)
    best = _fed_back(rows, metric, start, scheme)
    error = float(best.errors(rows, metric).sum())
    for _ in range(ROUNDS):
        before = error
        for step in (_with_scales, _with_palettes):
            tried = _descended(rows, metric, step(rows, metric, best, scheme))
            now = float(tried.errors(rows, metric).sum())
            if now < error:
                best, error = tried, now
        if before - error <= LEAST_GAIN * before:
            break
    return best


def _fed_back(rows: np.ndarray, metric: Metric, start: Parts, scheme: Palettized) -> Parts:
    """The start after a descent, or what error feedback leads to: filter by filter where each has a scale."""
    from explorer.forms.palettized import palette_descent  # numba takes a second to import

    best = _descended(rows, metric, start)
    errors = best.errors(rows, metric)
    for share in SHARES if scheme.scale != "none" else (1.0,):
        scales = start.scales * share
        index = palette_descent.feed_back(rows, metric.feedback, scales, start.palettes, start.which)
        tried = _with_scales(rows, metric, replace(start, index=index, scales=scales), scheme)
        tried = _descended(rows, metric, tried)
        found = tried.errors(rows, metric)
        if scheme.scale == "filter" and scheme.scale_bits >= 16:
            better = found < errors
            index, scales = (
                np.where(better[:, :, None], tried.index, best.index),
                np.where(better, tried.scales, best.scales),
            )
            best, errors = replace(best, index=index, scales=scales), np.where(better, found, errors)
        elif found.sum() < errors.sum():
            best, errors = tried, found
    return best


def _descended(rows: np.ndarray, metric: Metric, parts: Parts) -> Parts:
    """The same palettes and scales with better indices."""
    from explorer.forms.palettized import palette_descent

    index = parts.index.copy()
    gradient = metric.times(rows - parts.units * parts.scales[:, :, None])
    palette_descent.descend(gradient, metric.cells, parts.scales, parts.palettes, parts.which, index, SWEEPS)
    return replace(parts, index=index)


def _with_scales(rows: np.ndarray, metric: Metric, parts: Parts, scheme: Palettized) -> Parts:
    """The best scales as they are stored; those of before where no positive one helps."""
    if scheme.scale == "none":
        return parts
    units = parts.units
    spread = metric.times(units)
    along, energy = (rows * spread).sum(axis=2), (units * spread).sum(axis=2)
    if scheme.scale == "layer":
        along, energy = np.full_like(along, along.sum()), np.full_like(energy, energy.sum())
    usable = (energy > 0) & (along > 0)
    scales = np.where(usable, along / np.where(usable, energy, 1.0), parts.scales)
    return replace(parts, scales=as_stored(scales, scheme.scale_bits))


def _with_palettes(rows: np.ndarray, metric: Metric, parts: Parts, scheme: Palettized) -> Parts:
    """The best values as they are stored; values that nothing takes stay."""
    from explorer.forms.palettized.fit import round_values

    count = parts.palettes.shape[1]
    gram, target = np.zeros((len(parts.palettes), count, count)), np.zeros(parts.palettes.shape)
    for place in range(count):
        taken = (parts.index == place) * parts.scales[:, :, None]
        spread = metric.times(taken)
        np.add.at(target[:, place], parts.which, (spread * rows).sum(axis=2))
        for other in range(count):
            shared = (spread * (parts.index == other)).sum(axis=2) * parts.scales
            np.add.at(gram[:, place, other], parts.which, shared)
    used = np.einsum("pkk->pk", gram) > 0
    gram += np.where(used, 0.0, 1.0)[:, :, None] * np.eye(count)
    solved = [np.linalg.lstsq(one, along, rcond=None)[0] for one, along in zip(gram, target, strict=True)]
    values = np.where(used, np.stack(solved), parts.palettes)
    return replace(parts, palettes=round_values(values, scheme.value_bits))
