"""Codes, scales and zero points in a metric: a filter w is fitted by s*(q - z), z a whole number.

From several starting scales and zero points codes follow by error feedback and coordinate descent
(`explorer.forms.scalar_descent`), and scales and zero points of least error for these codes, in turn. With
e = w - s*(q - z) the error e^T C e depends on s and z by five numbers of a filter, or of the layer where filters share
them: a = q^T C w, b = 1^T C w, A = q^T C q, B = 1^T C q and D = 1^T C 1. Under z the best scale is
s = (a - z*b) / (A - 2*z*B + z^2*D), which takes s*(a - z*b) off the error; every z that can be stored is tried. No step
but the first raises the error.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from costmodels.schemes import Dense
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import Levels, as_stored, levels_of, rounded
from explorer.forms.quantizer import fit_scales, quantizer_rows

__all__ = ["fit_with_zeros", "refit_with_zeros"]

SPANS = (0.35, 0.5, 0.7, 0.85, 1.0)
"""Starting scales of a fit to the weights alone, as shares of those under which the levels span all weights."""

SHARES = (0.8, 0.9, 1.0, 1.1)
"""Starting scales in a metric, as shares of those of the fit to the weights alone, with zero points and without."""

ROUNDS, SWEEPS = 3, 4

Start = tuple[np.ndarray, np.ndarray]
"""Scales and zero points, (g, r) each."""


class _Parts(NamedTuple):
    """Codes q (g, r, D), scales s (g, r) and zero points z (g, r), all float64."""

    codes: np.ndarray
    scales: np.ndarray
    zeros: np.ndarray

    def weights(self) -> np.ndarray:
        """s*(q - z), (g, r, D)."""
        weights: np.ndarray = self.scales[:, :, None] * (self.codes - self.zeros[:, :, None])
        return weights


def fit_with_zeros(weights: np.ndarray, arrays: Arrays, scheme: Dense) -> Arrays:
    """A fit to the weights alone.

    Args:
        weights: (n, c/g, kh, kw) float64.
        arrays: ``weights`` and ``scales`` of the fit without zero points, which is nowhere better.
        scheme: with zero points.
    """
    first = dict(arrays) | {"zeros": np.zeros(arrays["scales"].shape, np.int8)}
    rows = quantizer_rows(weights, scheme.scale)
    plain = Metric(np.ones((1, weights[0].size)))
    return _improved(weights, first, plain, scheme, _spans(rows, scheme))


def refit_with_zeros(weights: np.ndarray, arrays: Arrays, metric: Metric, scheme: Dense) -> Arrays:
    """A fit in a metric, nowhere worse in it than the one that it begins from.

    Args:
        weights: (n, c/g, kh, kw) float64.
        arrays: ``weights``, ``scales`` and ``zeros`` of the fit to the weights alone.
        metric: of the layer.
        scheme: with zero points.
    """
    plain = fit_scales(quantizer_rows(weights, scheme.scale), scheme.weight_bits)
    starts = [(arrays["scales"], arrays["zeros"])] + ([(plain, 0 * plain)] if arrays["zeros"].any() else [])
    return _improved(weights, arrays, metric, scheme, ((share * s, z) for s, z in starts for share in SHARES))


def _spans(rows: np.ndarray, scheme: Dense) -> Iterator[Start]:
    """Levels that span a share of each row's range: from its least weight on, up to its greatest, in the middle of
    both, or around its mean."""
    (low, high, _), zero_levels = levels_of(scheme.weight_bits), levels_of(scheme.zero_bits)
    least, greatest = rows.min(axis=1), rows.max(axis=1)
    for share in SPANS:
        span = share * (greatest - least)
        scales = span / (high - low)
        for middle in (least + span / 2, greatest - span / 2, (least + greatest) / 2, rows.mean(axis=1)):
            zeros = (low + high) / 2 - middle / np.where(scales > 0, scales, 1.0)
            yield scales, rounded(zeros, zero_levels)


def _improved(weights: np.ndarray, arrays: Arrays, metric: Metric, scheme: Dense, starts: Iterator[Start]) -> Arrays:
    """The best arrays of all that the starts lead to, and of the first ones."""
    rows = metric.rows(weights)

    def of_rows(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values.astype(np.float64), len(weights)).reshape(rows.shape[:2])

    first = _Parts(
        metric.rows(arrays["weights"]).astype(np.float64), *map(of_rows, (arrays["scales"], arrays["zeros"]))
    )
    found = _best(rows, metric, scheme, first, ((of_rows(scales), of_rows(zeros)) for scales, zeros in starts))
    stored = zip(("weights", "scales", "zeros"), found, strict=True)
    return {
        name: part.reshape(-1)[: arrays[name].size].reshape(arrays[name].shape).astype(arrays[name].dtype)
        for name, part in stored
    }


def _best(rows: np.ndarray, metric: Metric, scheme: Dense, first: _Parts, starts: Iterator[Start]) -> _Parts:
    from explorer.forms import scalar_descent  # numba takes a second to import

    levels, kept = levels_of(scheme.weight_bits), np.ones(rows.shape, bool)
    best, errors = first, _errors(rows, metric, first, scheme)
    most = errors.sum() * (1 + 1e-12)
    for scales, zeros in starts:
        targets = rows + (scales * zeros)[:, :, None]
        codes = scalar_descent.feed_back(targets, metric.feedback, scales, kept, levels)
        found = _alternate(rows, metric, scheme, _Parts(codes, scales, zeros))
        found_errors = _errors(rows, metric, found, scheme)
        better = found_errors < errors
        errors = np.where(better, found_errors, errors)
        codes = np.where(better[:, :, None], found.codes, best.codes)
        best = _Parts(codes, *(np.where(better, found[part], best[part]) for part in (1, 2)))
    best = _descended(rows, metric, best._replace(scales=as_stored(best.scales, scheme.scale_bits)), levels)
    return best if _errors(rows, metric, best, scheme).sum() <= most else first


def _alternate(rows: np.ndarray, metric: Metric, scheme: Dense, parts: _Parts) -> _Parts:
    """Scales and zero points, and codes, in turn, codes last."""
    for _ in range(ROUNDS):
        found = _descended(rows, metric, _with_best_zeros(rows, metric, scheme, parts), levels_of(scheme.weight_bits))
        is_same = np.array_equal(found.codes, parts.codes)
        parts = found
        if is_same:
            break
    return parts


def _with_best_zeros(rows: np.ndarray, metric: Metric, scheme: Dense, parts: _Parts) -> _Parts:
    """Scales and zero points of least error for the codes; those of before where no positive scale helps."""
    pulls, spread, unit = metric.times(rows), metric.times(parts.codes), metric.times(np.ones_like(rows[:, :1]))
    sums = [(pulls * parts.codes).sum(2), pulls.sum(2), (spread * parts.codes).sum(2), spread.sum(2)]
    sums.append(np.broadcast_to(unit.sum(2), sums[0].shape))
    if scheme.scale == "layer":
        sums = [np.full_like(part, part.sum()) for part in sums]
    a, b, aa, ab, bb = (part[:, :, None] for part in sums)
    low, high, step = levels_of(scheme.zero_bits)
    zeros = np.arange(low, high + step, step)
    along, energy = a - zeros * b, aa - 2 * zeros * ab + zeros**2 * bb
    usable = (along > 0) & (energy > 1e-12 * aa)
    scales = np.where(usable, along / np.where(usable, energy, 1.0), 0.0)
    chosen = (scales * along).argmax(axis=2)[:, :, None]
    best, gains = (np.take_along_axis(part, chosen, axis=2)[:, :, 0] for part in (scales, scales * along))
    helps = gains > 0
    return parts._replace(
        scales=np.where(helps, best, parts.scales), zeros=np.where(helps, zeros[chosen[:, :, 0]], parts.zeros)
    )


def _descended(rows: np.ndarray, metric: Metric, parts: _Parts, levels: Levels) -> _Parts:
    """With codes by coordinate descent."""
    from explorer.forms import scalar_descent

    codes, kept = parts.codes.copy(), np.ones(rows.shape, bool)
    gradient = metric.times(rows - parts.weights())
    scalar_descent.descend(gradient, metric.cells, parts.scales, codes, kept, levels, SWEEPS)
    return parts._replace(codes=codes)


def _errors(rows: np.ndarray, metric: Metric, parts: _Parts, scheme: Dense) -> np.ndarray:
    """(g, r): each row's error in the metric; that of all rows in each place where they share a scale."""
    missed = rows - parts.weights()
    errors: np.ndarray = (metric.times(missed) * missed).sum(axis=2)
    return np.full_like(errors, errors.sum()) if scheme.scale == "layer" else errors
