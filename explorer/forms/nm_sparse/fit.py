"""N:M sparse weights: which N of every M consecutive channels are kept, and their codes and scales.

With floats the N largest of a group are the best to keep. At a given scale s a weight w with the nearest code q lowers
the squared error by s*q*(2*w - s*q), so the N of a group with most of that are the best, exactly; scales that are best
for what is kept, and what is best to keep at the scales, follow in turn. In a metric the fit goes on from there and
from the weights of largest w_j^2 / (C^-1)_jj (Hassibi & Stork, Optimal Brain Surgeon, NIPS 1992), and exchanges places
within groups as long as that helps.

Sources: Mishra et al., arXiv 2104.08378 (the largest of a group are kept); the rest is derived.

Arrays: ``index`` (n, kh, kw, c/g/M) uint16, ranks of `costmodels.layout.combinations`; ``weights`` (n, kh, kw, c/g/M,
N), codes of `costmodels.codes` or float32; ``scales`` (n,) or (1,) float32 where the scheme has any.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from costmodels.codes import code_dtype
from costmodels.layout import ranks_of_places
from costmodels.schemes import NMSparse
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, fit_codes, levels_of
from explorer.forms.nm_sparse.groups import by_filter, by_group, spread
from explorer.forms.quantizer import fit_stored_scales, quantizer_rows, round_to_codes

__all__ = ["fit", "reconstruct", "refit"]

ROUNDS = 4
"""At most, of scales and places in turn; they end when one gains nothing."""

SWEEPS = 4

MOST_WORK = 5e8
"""Multiplications up to which weights are taken out one by one, half a second or less."""


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: NMSparse,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Places, codes and scales, as they are stored."""
    grouped = by_group(weights, scheme.group)
    kept = _largest(np.abs(grouped), scheme.kept)
    codes, scales = grouped * kept, np.ones(1, np.float32)
    if scheme.weight_bits != 32:
        codes, scales, kept = _fit_codes(grouped, scheme, kept)
    return _arrays(codes, scales, kept, shape, scheme)


def _arrays(codes: np.ndarray, scales: np.ndarray, kept: np.ndarray, shape: ConvShape, scheme: NMSparse) -> Arrays:
    """As they are stored, from codes and places by group."""
    places = np.argsort(~kept, axis=-1, kind="stable")[..., : scheme.kept]
    stored = np.take_along_axis(codes, places, axis=-1).astype(code_dtype(scheme.weight_bits))
    ranks = ranks_of_places(places.reshape(-1, scheme.kept)).reshape(places.shape[:-1])
    sizes = shape.out_channels, *shape.kernel, shape.group_inputs // scheme.group
    arrays = {"index": ranks.reshape(sizes), "weights": stored.reshape(*sizes, scheme.kept)}
    return arrays | ({"scales": scales} if scheme.scales_outputs else {})


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Where the ``count`` largest values of each group stand; of equal ones the first."""
    order = np.argsort(-values, axis=-1, kind="stable")[..., :count]
    mask = np.zeros(values.shape, bool)
    np.put_along_axis(mask, order, True, axis=-1)
    return mask


def _fit_codes(grouped: np.ndarray, scheme: NMSparse, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, 0 where not kept, scales and places of small squared error, from places to start with."""
    rows, bits = quantizer_rows(grouped, scheme.scale), scheme.weight_bits
    found, least = None, np.inf
    for _ in range(ROUNDS):
        scales = np.ones(1, np.float32)
        if scheme.scale != "none":
            own = kept.reshape(rows.shape)
            scales = fit_stored_scales(rows * own, bits, scheme.scale_bits, own)
        steps = np.where(scales > 0, scales, 1.0).astype(np.float64)[:, None]
        codes = round_to_codes(rows / steps, bits)
        values = codes * scales[:, None]
        kept = _largest((values * (2 * rows - values)).reshape(grouped.shape), scheme.kept)
        codes = codes.reshape(grouped.shape) * kept
        error = float(np.square(rows - codes.reshape(rows.shape) * scales[:, None]).sum())
        if error >= least:
            break
        found, least = (codes, scales, kept), error
    assert found is not None  # noqa: S101 (a first round is better than none)
    return found


def refit(weights: np.ndarray, shape: ConvShape, scheme: NMSparse, arrays: Arrays, seed: int, metric: Metric) -> Arrays:
    """The same in a metric, from the places of the fit to the weights alone and from others."""
    from explorer.forms.nm_sparse.exchange import exchange_in_groups  # numba takes a second to import

    is_float = scheme.weight_bits == 32
    levels, sharing = (FLOATS, "none") if is_float else (levels_of(scheme.weight_bits), scheme.scale)
    rows = metric.rows(weights)
    scales = arrays.get("scales", np.ones(1, np.float32))
    first = spread(shape, scheme, arrays["index"], arrays["weights"].astype(np.float64))
    own = spread(shape, scheme, arrays["index"], np.ones(arrays["weights"].shape, bool))
    begun = metric.rows(first), np.broadcast_to(scales.astype(np.float64), len(weights)).reshape(rows.shape[:2])
    found = []
    for places in (metric.rows(own), *_left(rows, shape, scheme, metric)):
        kept = np.ascontiguousarray(places)
        codes, steps = fit_codes(rows, metric, levels, (begun[0] * kept, begun[1]), sharing, kept, scheme.scale_bits)
        found.append((metric.error(rows, steps[:, :, None] * codes), codes, steps, kept))
    _, codes, steps, kept = min(found, key=lambda one: one[0])
    codes, kept = codes.copy(), kept.copy()
    members = _members(shape, scheme)
    for _ in range(ROUNDS):
        before = kept.copy()
        gradient = metric.times(rows - steps[:, :, None] * codes)
        exchange_in_groups(gradient, metric.cells, steps, codes, kept, levels, members, SWEEPS)
        if np.array_equal(before, kept):
            break
        codes, steps = fit_codes(rows, metric, levels, (codes, steps), sharing, kept, scheme.scale_bits)
    stored = steps.reshape(-1)[: len(scales)].astype(np.float32)
    codes, kept = (by_group(part.reshape(shape.weight_shape), scheme.group) for part in (codes, kept))
    return _arrays(codes, stored, kept, shape, scheme)


def _left(rows: np.ndarray, shape: ConvShape, scheme: NMSparse, metric: Metric) -> Iterator[np.ndarray]:
    """Places that may be better to keep in a metric, (g, r, D): those of most w_j^2 / (C^-1)_jj, and those left by
    elimination where that takes not too long."""
    from explorer.forms.nm_sparse.elimination import eliminate, elimination_work

    saliency = np.square(rows) / np.square(metric.feedback).sum(axis=1 if metric.is_full else 2)[:, None]
    grouped = by_group(saliency.reshape(shape.weight_shape), scheme.group)
    yield metric.rows(by_filter(_largest(grouped, scheme.kept)))
    work = elimination_work(shape.out_channels, rows.shape[2], scheme.kept / scheme.group)
    if metric.is_full and work <= MOST_WORK:
        inverse = metric.feedback.swapaxes(1, 2) @ metric.feedback
        yield eliminate(rows, inverse, _members(shape, scheme), scheme.kept)


def _members(shape: ConvShape, scheme: NMSparse) -> np.ndarray:
    """(groups of a filter, M): their places in a filter."""
    places = np.arange(shape.group_inputs * shape.kernel_area).reshape(1, shape.group_inputs, *shape.kernel)
    return np.ascontiguousarray(by_group(places, scheme.group).reshape(-1, scheme.group))


def reconstruct(shape: ConvShape, scheme: NMSparse, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """code * scale where a weight was kept, else 0."""
    weights = spread(shape, scheme, arrays["index"], arrays["weights"].astype(np.float32))
    return weights * arrays["scales"].reshape(-1, 1, 1, 1) if "scales" in arrays else weights
