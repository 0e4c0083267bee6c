"""Stacked filters: the bank, the selection and the scales, alternated until none of them changes.

With x_ij the segment j of filter i, this minimizes sum_ij ||x_ij - alpha_ij * B_idx(i,j)||^2. Each of three steps is
exact for the other two, so the error never rises (an alternating minimization as in k-means, Lloyd 1982):

- selection: the filter of least error, ||x||^2 - 2*alpha*<x,B> + alpha^2*||B||^2; with a scale per segment that scale
  is chosen along with it, alpha = <x,B>/||B||^2 of either sign, and the filter of largest gain <x,B>^2/||B||^2 is
  taken;
- scales: alpha_i = sum_j <x_ij,B> / sum_j ||B||^2;
- bank: the sign of sum(alpha*x) over the segments that selected the filter (1 bit), or that sum over sum(alpha^2) (32).

Filters that nothing selects are started again from the worst-fitted segments.

Scales that are stored in few bits are rounded at the end, and filters selected again at these.

With ``scale="none"`` the filters are +-1 as they are stored, and so is the reconstruction that distortion is measured
on: only weights of unit size fit it well. A network trained in that form learns its size in the batch normalization.

Arrays: ``bank`` (g, k, s, kh, kw), int8 of -1 and 1 or float32; ``selection`` (n, S), integers below k, whether the
scheme stores them packed or one-hot; ``scales`` (n,) or (n, S) float32 where the scheme has any.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.conventions import FLOAT_BITS
from costmodels.scales import round_scales
from costmodels.schemes import LegoNet, StackedBinary
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.segments import filter_segments, weights_of_segments
from explorer.forms.stacked import metric_fit
from explorer.forms.stacked.first_bank import first_bank, signs_of

__all__ = ["fit", "reconstruct", "refit"]

ITERATIONS = 15


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: StackedBinary | LegoNet,
    seed: int,
    codebook: np.ndarray | None = None,
    iterations: int = ITERATIONS,
) -> Arrays:
    """Bank, selection and scales after at most ``iterations`` rounds; more rounds never fit worse."""
    segments = filter_segments(weights, shape, scheme.segment_channels)
    per_filter = shape.group_inputs // scheme.segment_channels
    binary = scheme.filter_bits == 1
    bank = first_bank(segments, scheme.filters, binary, scheme.scale, seed)
    scales = _first_scales(segments, scheme.scale, per_filter, binary)
    selection, scales = _select(segments, bank, scales, scheme.scale, per_filter)
    for _ in range(iterations):
        bank = _update_bank(segments, bank, selection, scales, binary)
        _restart_unused(segments, bank, selection, scales, binary)
        before = selection, scales
        selection, scales = _select(segments, bank, scales, scheme.scale, per_filter)
        if np.array_equal(selection, before[0]) and np.allclose(scales, before[1], rtol=1e-4, atol=0):
            break
    if scheme.scale_bits != FLOAT_BITS:
        scales = round_scales(scales, scheme.scale_bits).astype(np.float64)
        along, energy = segments @ bank.swapaxes(1, 2), np.square(bank).sum(axis=2)
        selection = _select_at(along, energy, scales)
    return _stored(bank, selection, scales, shape, scheme)


def refit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: StackedBinary | LegoNet,
    arrays: Arrays,
    seed: int,
    metric: Metric,
) -> Arrays:
    """Bank, selection and scales in a metric, see `explorer.forms.stacked.metric_fit`."""
    slots = shape.groups, shape.group_outputs, shape.group_inputs // scheme.segment_channels
    bank = arrays["bank"].reshape(shape.groups, scheme.filters, -1).astype(np.float64)
    stored = arrays.get("scales", np.ones(1, np.float32)).astype(np.float64)
    scales = np.broadcast_to(stored.reshape(len(stored), -1), (shape.out_channels, slots[2])).reshape(slots)
    start = bank, arrays["selection"].astype(np.int64).reshape(slots), scales
    parts = metric_fit.refit(weights, metric, start, scheme.scale, scheme.filter_bits == 1, scheme.scale_bits)
    return _stored(*parts, shape, scheme)


def _first_scales(segments: np.ndarray, scale: str, per_filter: int, binary: bool) -> np.ndarray:
    """(g, M): each filter's mean magnitude (1 bit) or root mean square; 1 without scales."""
    if scale == "none":
        return np.ones(segments.shape[:2])
    filters = segments.reshape(len(segments), -1, per_filter * segments.shape[2])
    sizes = np.abs(filters).mean(axis=2) if binary else np.sqrt(np.square(filters).mean(axis=2))
    return np.repeat(sizes, per_filter, axis=1)


def _select(
    segments: np.ndarray, bank: np.ndarray, scales: np.ndarray, scale: str, per_filter: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best filter of each segment, (g, M) integers, and then the best scales, (g, M)."""
    along = segments @ bank.swapaxes(1, 2)
    energy = np.square(bank).sum(axis=2)
    safe_energy = np.where(energy > 0, energy, 1.0)
    if scale == "segment":
        selection = (np.square(along) / safe_energy[:, None]).argmax(axis=2)
    else:
        selection = _select_at(along, energy, scales)
    if scale == "none":
        return selection, scales
    chosen_along = np.take_along_axis(along, selection[:, :, None], axis=2)[:, :, 0]
    chosen_energy = np.take_along_axis(energy, selection, axis=1)
    if scale == "filter":
        by_filter = (len(segments), -1, per_filter)
        chosen_along, chosen_energy = (
            np.repeat(values.reshape(by_filter).sum(axis=2), per_filter, axis=1)
            for values in (chosen_along, chosen_energy)
        )
    return selection, chosen_along / np.where(chosen_energy > 0, chosen_energy, 1.0)


def _select_at(along: np.ndarray, energy: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The best filter of each segment, (g, M) integers, at given scales (g, M)."""
    factors = scales[:, :, None]
    best: np.ndarray = (factors * (2 * along - factors * energy[:, None])).argmax(axis=2)
    return best


def _update_bank(
    segments: np.ndarray, bank: np.ndarray, selection: np.ndarray, scales: np.ndarray, binary: bool
) -> np.ndarray:
    """The best filters for this selection; a filter that nothing selects stays."""
    weights = np.zeros((*selection.shape, bank.shape[1]))
    np.put_along_axis(weights, selection[:, :, None], scales[:, :, None], axis=2)
    sums = weights.swapaxes(1, 2) @ segments
    energy = np.square(weights).sum(axis=1)[:, :, None]
    updated = signs_of(sums) if binary else sums / np.where(energy > 0, energy, 1.0)
    return np.where(energy > 0, updated, bank)


def _restart_unused(
    segments: np.ndarray, bank: np.ndarray, selection: np.ndarray, scales: np.ndarray, binary: bool
) -> None:
    """Puts the worst-fitted segments, at the size that their scale asks for, where a filter is not used."""
    for group, rows in enumerate(segments):
        unused = np.setdiff1d(np.arange(bank.shape[1]), selection[group])
        if len(unused) == 0:
            continue
        reconstructed = scales[group][:, None] * bank[group][selection[group]]
        errors = np.square(rows - reconstructed).sum(axis=1)
        worst = np.argsort(-errors, kind="stable")[: len(unused)]
        sizes = np.where(scales[group] != 0, scales[group], 1.0)[worst, None]
        bank[group][unused[: len(worst)]] = signs_of(rows[worst] * sizes) if binary else rows[worst] / sizes


def _stored(
    bank: np.ndarray, selection: np.ndarray, scales: np.ndarray, shape: ConvShape, scheme: StackedBinary | LegoNet
) -> Arrays:
    slots = (shape.out_channels, shape.group_inputs // scheme.segment_channels)
    arrays = {
        "bank": bank.reshape(shape.groups, scheme.filters, scheme.segment_channels, *shape.kernel).astype(
            np.int8 if scheme.filter_bits == 1 else np.float32
        ),
        "selection": selection.reshape(slots).astype(np.min_scalar_type(scheme.filters - 1)),
    }
    if scheme.scale == "none":
        return arrays
    stored = scales.reshape(slots).astype(np.float32)
    return arrays | {"scales": stored[:, 0].copy() if scheme.scale == "filter" else stored}


def reconstruct(shape: ConvShape, scheme: StackedBinary | LegoNet, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Concatenates alpha_ij * B_idx(i,j) over the segments j."""
    selection = arrays["selection"].reshape(shape.groups, -1).astype(np.intp)
    bank = arrays["bank"].astype(np.float32)
    segments = bank[np.arange(shape.groups)[:, None], selection]
    if scheme.scale != "none":
        scales = arrays["scales"].reshape(shape.out_channels, -1)
        slots = np.broadcast_to(scales, arrays["selection"].shape).reshape(selection.shape)
        segments *= slots[:, :, None, None, None]
    return weights_of_segments(segments, shape)
