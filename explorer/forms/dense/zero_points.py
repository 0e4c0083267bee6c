"""Dense weights with zero points: where the search for codes, scales and zero points begins, and what is stored."""

from collections.abc import Iterable, Iterator

import numpy as np

from costmodels.schemes import Dense
from explorer.forms.dense.zero_search import Parts, ZeroSearch
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import levels_of, rounded
from explorer.forms.quantizer import fit_scales, quantizer_rows

__all__ = ["fit_with_zeros", "refit_with_zeros"]

SPANS = (0.35, 0.5, 0.7, 0.85, 1.0)
"""Starting scales of a fit to the weights alone, as shares of those under which the levels span all weights."""

SHARES = (0.8, 0.9, 1.0, 1.1)
"""Starting scales in a metric, as shares of those of the fit to the weights alone, with zero points and without."""

Start = tuple[np.ndarray, np.ndarray]
"""Scales and zero points, of each filter or of the layer."""


def fit_with_zeros(weights: np.ndarray, arrays: Arrays, scheme: Dense) -> Arrays:
    """A fit to the weights alone.

    Args:
        weights: (n, c/g, kh, kw) float64.
        arrays: ``weights`` and ``scales`` of the fit without zero points, which is nowhere better.
        scheme: with zero points.
    """
    first = dict(arrays) | {"zeros": np.zeros(arrays["scales"].shape, np.int8)}
    plain = Metric(np.ones((1, weights[0].size)))
    return _improved(weights, first, plain, scheme, _spans(quantizer_rows(weights, scheme.scale), scheme))


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


def _improved(weights: np.ndarray, arrays: Arrays, metric: Metric, scheme: Dense, starts: Iterable[Start]) -> Arrays:
    """The best arrays of all that the starts lead to, and of the first ones."""
    rows = metric.rows(weights)

    def of_rows(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values.astype(np.float64), len(weights)).reshape(rows.shape[:2])

    codes = metric.rows(arrays["weights"]).astype(np.float64)
    first = Parts(codes, of_rows(arrays["scales"]), of_rows(arrays["zeros"]))
    found = ZeroSearch(rows, metric, scheme).best(first, ((of_rows(s), of_rows(z)) for s, z in starts))
    stored = {
        "weights": found.codes.reshape(weights.shape),
        "scales": found.scales.reshape(-1)[: len(arrays["scales"])],
        "zeros": found.zeros.reshape(-1)[: len(arrays["zeros"])],
    }
    return {name: values.astype(arrays[name].dtype) for name, values in stored.items()}
