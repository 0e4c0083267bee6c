"""Vector-quantized weights in a metric: indices, codewords and scales in turn, each the best for the others.

A start is the fit to the weights alone, or codewords of vectors that were transformed by the mean metric of a segment
(with the Cholesky factor L of it |(x - c) L|^2 is that error, so that the k-means and the pairs of the plain fit
minimize it), and either of them with indices by error feedback over the segments. From each, rounds of coordinate
descent follow (`explorer.forms.bank_descent`), of one codebook after the other, with the scales by least squares
between them; no round raises the error in the metric. The best end is taken.

Sources: Egiazarian et al., AQLM, arXiv 2401.06118 (additive codebooks in the metric of the inputs, there by beam search
and gradient); Frantar et al., GPTQ, arXiv 2210.17323 (error feedback).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from explorer.forms.bank_uses import uses_of
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, Levels, as_stored
from explorer.forms.segment_feedback import segment_feedback

__all__ = ["Parts", "mean_factor", "refit"]

ROUNDS, SWEEPS, WORD_SWEEPS = 4, 2, 1
LEAST_GAIN = 1e-3
"""Share of its error by which a round has to lower it for another one to follow."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What the vectors of a layer are made of.

    Args:
        words: codes or floats, (M, K, v) float64.
        index: (M, g, r, S) int64.
        steps: (M,), as they are stored; 1 where values are floats.
    """

    words: np.ndarray
    index: np.ndarray
    steps: np.ndarray

    def of_book(self, book: int) -> np.ndarray:
        """Codes of a codebook at their places, (g, r, D)."""
        chosen: np.ndarray = self.words[book][self.index[book]].reshape(*self.index.shape[1:3], -1)
        return chosen

    @property
    def values(self) -> np.ndarray:
        """The weights, (g, r, D)."""
        values: np.ndarray = sum(self.steps[book] * self.of_book(book) for book in range(len(self.words)))
        return values

    def error(self, rows: np.ndarray, metric: Metric) -> float:
        """In the metric."""
        missed = rows - self.values
        return float((metric.times(missed) * missed).sum())


def mean_factor(metric: Metric, values: int) -> np.ndarray:
    """L, lower triangular (v, v): L L^T is the mean metric of the segments of ``values`` values, over all groups."""
    size = metric.matrix.shape[1] // values
    if not metric.is_full:
        diagonal = metric.matrix.reshape(-1, values).mean(axis=0)
        return np.diag(np.sqrt(np.where(diagonal > 0, diagonal, 1.0)))
    blocks = metric.matrix.reshape(len(metric.matrix), size, values, size, values)
    mean = np.einsum("gjajb->ab", blocks) / (len(metric.matrix) * size)
    factor: np.ndarray = np.linalg.cholesky(mean)
    return factor


def refit(weights: np.ndarray, metric: Metric, starts: Sequence[Parts], levels: Levels, scale_bits: int) -> Parts:
    """Parts of small error in the metric, never of a greater one than the first start's.

    Args:
        weights: (n, ...) float64.
        metric: of the layer.
        starts: the fit to the weights alone first.
        levels: of the codes.
        scale_bits: of the scales, as they are stored.
    """
    rows = metric.rows(weights)
    tried = list(starts)
    if metric.is_full:
        tried += [_fed_back(rows, metric, start) for start in starts]
    ends = [*starts[:1], *(_descended(rows, metric, start, levels, scale_bits) for start in tried)]
    return min(ends, key=lambda end: end.error(rows, metric))


def _fed_back(rows: np.ndarray, metric: Metric, start: Parts) -> Parts:
    """Indices of each codebook by error feedback, for what the others leave."""
    from explorer.forms import bank_descent  # numba takes a second to import

    parts = replace(start, index=start.index.copy())
    blocks, onward = segment_feedback(metric, start.index.shape[3])
    for book in range(len(parts.words)):
        left = rows - (parts.values - parts.steps[book] * parts.of_book(book))
        bank, scales = _bank(parts, book), _scales(parts, book)
        segments, fixed = parts.index.shape[3], bank_descent.FIXED
        bank_descent.feed_back(left, blocks, onward, bank, segments, parts.index[book], scales, fixed)
    return parts


def _descended(rows: np.ndarray, metric: Metric, start: Parts, levels: Levels, scale_bits: int) -> Parts:
    """The end of a descent. A codebook whose step is 0 is left as it is."""
    from explorer.forms import bank_descent, bank_update

    best = Parts(start.words.copy(), start.index.copy(), start.steps.copy())
    error, fixed, segments = best.error(rows, metric), bank_descent.FIXED, start.index.shape[3]
    for _ in range(ROUNDS):
        parts = _rescaled(rows, metric, best, scale_bits) if levels != FLOATS else best
        parts = Parts(parts.words.copy(), parts.index.copy(), parts.steps.copy())
        gradient = metric.times(rows - parts.values)
        for book in range(len(parts.words)):
            if parts.steps[book] > 0:
                bank, scales = _bank(parts, book), _scales(parts, book)
                cells, index = metric.cells, parts.index[book]
                bank_descent.choose(gradient, cells, bank, segments, index, scales, fixed, SWEEPS)
                uses = uses_of(index[..., None], np.ones((*index.shape, 1)), parts.words.shape[1], is_shared=True)
                own, step = parts.words[book : book + 1], np.full((1, parts.words.shape[1]), parts.steps[book])
                bank_update.update(gradient, cells, own, step, *uses, levels, WORD_SWEEPS)
        before, now = error, parts.error(rows, metric)
        if now < error:
            best, error = parts, now
        if before - error <= LEAST_GAIN * before:
            break
    return best


def _bank(parts: Parts, book: int) -> np.ndarray:
    """The codewords for every group, (g, K, v)."""
    words = parts.words[book]
    return np.ascontiguousarray(np.broadcast_to(words, (parts.index.shape[1], *words.shape)))


def _scales(parts: Parts, book: int) -> np.ndarray:
    return np.full(parts.index.shape[1:], parts.steps[book])


def _rescaled(rows: np.ndarray, metric: Metric, parts: Parts, scale_bits: int) -> Parts:
    """The same codes with the best steps, as they are stored; those of before where these are no better."""
    units = [parts.of_book(book) for book in range(len(parts.words))]
    spread = [metric.times(unit) for unit in units]
    gram = np.array([[float((one * other).sum()) for other in spread] for one in units])
    target = np.array([float((rows * one).sum()) for one in spread])
    found = np.linalg.lstsq(gram, target, rcond=1e-12)[0]
    if not (found > 0).all():
        return parts
    tried = replace(parts, steps=as_stored(found, scale_bits))
    return tried if tried.error(rows, metric) <= parts.error(rows, metric) else parts
