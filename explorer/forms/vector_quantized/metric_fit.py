"""Vector-quantized weights in a metric: codewords and the vectors' choices by coordinate descent, one codebook after
the other (`explorer.forms.bank_descent`), at the scales of the fit to the weights alone. No step raises the error."""

import numpy as np

from explorer.forms.bank_uses import uses_of
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import Levels

__all__ = ["refit"]

ROUNDS, SWEEPS, WORD_SWEEPS = 3, 2, 1


def refit(
    weights: np.ndarray, metric: Metric, words: np.ndarray, index: np.ndarray, scales: np.ndarray, levels: Levels
) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the codewords (M, K, L) and indices (M, g, r, S) of small error in the metric.

    Args:
        weights: (n, ...) float64.
        metric: of the layer.
        words: codes, or floats, of the fit to the weights alone, (M, K, L) float64.
        index: its indices, (M, g, r, S) int64.
        scales: of the codebooks, (M,) float64.
        levels: of the codes.
    """
    from explorer.forms import bank_descent

    rows, words, index = metric.rows(weights), words.copy(), index.copy()
    books, (groups, _, segments), ones = range(len(words)), index.shape[1:], np.ones(index.shape[1:])
    fitted = sum(scales[book] * words[book][index[book]] for book in books)
    gradient = metric.times(rows - np.reshape(fitted, rows.shape))
    for _ in range(ROUNDS):
        for book in books:
            uses = uses_of(index[book][..., None], ones[..., None], words.shape[1], is_shared=True)
            steps = np.full((1, words.shape[1]), scales[book])
            bank = words[book : book + 1]
            bank_descent.update(gradient, metric.cells, bank, steps, *uses, levels, WORD_SWEEPS)
            each = np.ascontiguousarray(np.broadcast_to(scales[book] * bank, (groups, *bank.shape[1:])))
            kept = ones.copy()
            bank_descent.choose(
                *(gradient, metric.cells, each, segments, index[book], kept), bank_descent.FIXED, SWEEPS
            )
    return words, index
