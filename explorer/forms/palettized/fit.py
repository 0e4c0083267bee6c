"""Palettized weights: the palettes, indices and scales of least squared error.

W_i ~ s_i * p[idx], with a palette p for the layer or for some filters. At given scales the best palette is the k-means
of the weights over their scales, each counted with the square of its scale, which is found exactly
(`explorer.forms.palettized.segmentation`); at given palette and indices the best scale is <w, p> / <p, p>, and the best
of several shares of it is taken. Both alternate from scales of unit energy, and from the levels and scales of dense
weights, and no step raises the error. Then the values are brought to what is stored:
integers are multiples of the scale that takes the largest to 127, and values, scales and indices follow in turn again.
In a metric `explorer.forms.palettized.metric_fit` goes on from there.

Without a scale integers stand for themselves, so only weights of their size fit well.

Arrays: ``palette`` (palettes, 2^b), int8 or float32; ``index`` (n, c/g, kh, kw) uint8; ``scales`` (n,) or (1,) float32
where the scheme has any.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodels.codes import code_dtype, code_levels
from costmodels.scales import round_scales
from costmodels.schemes import Palettized
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.palettized import metric_fit
from explorer.forms.palettized.metric_fit import Parts
from explorer.forms.palettized.segmentation import best_palette
from explorer.forms.quantizer import fit_scales

__all__ = ["fit", "nearest_values", "reconstruct", "refit", "round_values"]

ROUNDS = 12
"""At most, of palettes and scales in turn; they end when one gains less than `LEAST_GAIN`."""

LEAST_GAIN = 1e-4

SHARES = (1.0, 0.7, 0.8, 0.9, 1.1, 1.25, 1.45)
"""Of a filter's scale, from which better ones are looked for."""


@dataclass(frozen=True, eq=False)
class _Trial:
    """A fit so far.

    Args:
        palettes: (palettes, 2^b) float64.
        scales: (n,) float64.
        index: (n, values).
        error: squared.
    """

    palettes: np.ndarray
    scales: np.ndarray
    index: np.ndarray
    error: float


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Palettized,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Palettes, indices and scales, as they are stored."""
    rows, of_filter = weights.reshape(shape.out_channels, -1), scheme.palette_of(shape)
    peak = float(np.abs(rows).max(initial=0.0)) or 1.0
    unit = 1.0 if scheme.scale == "none" else peak
    best = _alternate(rows / unit, of_filter, scheme)
    palettes, scales = _stored(best, of_filter, scheme)
    best = _settle(rows, palettes, scales * unit, of_filter, scheme)
    return _arrays(best.palettes, best.index, best.scales, shape, scheme)


def refit(
    weights: np.ndarray, shape: ConvShape, scheme: Palettized, arrays: Arrays, seed: int, metric: Metric
) -> Arrays:
    """Palettes, indices and scales in a metric, see `explorer.forms.palettized.metric_fit`; the values of a palette in
    any order."""
    by_group = shape.groups, -1
    stored = arrays.get("scales", np.ones(1, np.float32)).astype(np.float64)
    start = Parts(
        palettes=arrays["palette"].astype(np.float64),
        which=scheme.palette_of(shape).reshape(by_group),
        index=metric.rows(arrays["index"]).astype(np.int64),
        scales=np.broadcast_to(stored, shape.out_channels).reshape(by_group),
    )
    found = metric_fit.refit(weights, metric, start, scheme)
    return _arrays(found.palettes, found.index, found.scales.reshape(-1), shape, scheme)


def _arrays(
    palettes: np.ndarray, index: np.ndarray, scales: np.ndarray, shape: ConvShape, scheme: Palettized
) -> Arrays:
    """As they are stored."""
    palette_dtype = code_dtype(8 if scheme.value_bits == 8 else 32)
    stored = {"palette": palettes.astype(palette_dtype), "index": index.reshape(shape.weight_shape).astype(np.uint8)}
    if scheme.scale == "none":
        return stored
    return stored | {"scales": scales[: 1 if scheme.scale == "layer" else None].astype(np.float32)}


def _alternate(rows: np.ndarray, of_filter: np.ndarray, scheme: Palettized) -> _Trial:
    """Exact palettes and, with a scale a filter, scales, in turn; from scales of unit energy, and from even levels."""
    if scheme.scale != "filter":
        return _with_palettes(rows, np.ones(len(rows)), of_filter, scheme.bits)
    starts = [_with_palettes(rows, np.sqrt(np.square(rows).mean(axis=1)), of_filter, scheme.bits)]
    levels = np.broadcast_to(code_levels(scheme.bits), starts[0].palettes.shape).astype(np.float64)
    starts.append(_with_indices(rows, levels, fit_scales(rows, scheme.bits).astype(np.float64), of_filter))
    return min((_improved(rows, start, of_filter, scheme) for start in starts), key=lambda trial: trial.error)


def _improved(rows: np.ndarray, best: _Trial, of_filter: np.ndarray, scheme: Palettized) -> _Trial:
    for _ in range(ROUNDS):
        trial = _with_palettes(rows, _searched_scales(rows, best, of_filter), of_filter, scheme.bits)
        gained = best.error - trial.error
        if gained > 0:
            best = trial
        if gained <= LEAST_GAIN * best.error:
            break
    return best


def _searched_scales(rows: np.ndarray, trial: _Trial, of_filter: np.ndarray) -> np.ndarray:
    """The scale of each filter that is best of several, each the best for the values that are nearest at a share of the
    scale there is: neighbouring minima, of which a filter of few weights has many."""
    scales, gains = trial.scales, np.full(len(rows), -np.inf)
    for share in SHARES:
        own = trial.scales * share
        units = rows / np.where(own > 0, own, 1.0)[:, None]
        index = nearest_values(units, trial.palettes, of_filter).astype(np.intp)
        values = np.take_along_axis(trial.palettes[of_filter], index, axis=1)
        along, energy = (values * rows).sum(axis=1), np.square(values).sum(axis=1)
        usable = (energy > 0) & (along > 0)
        found = np.where(usable, along, 0.0) / np.where(usable, energy, 1.0)
        better = usable & (found * along > gains)
        scales, gains = np.where(better, found, scales), np.where(better, found * along, gains)
    return scales


def _with_palettes(rows: np.ndarray, scales: np.ndarray, of_filter: np.ndarray, bits: int) -> _Trial:
    """The best palettes at given scales."""
    units = rows / np.where(scales > 0, scales, 1.0)[:, None]
    counted = np.broadcast_to(np.square(scales)[:, None], rows.shape)
    palettes = np.stack(
        [
            best_palette(units[of_filter == place].ravel(), counted[of_filter == place].ravel(), 1 << bits)
            for place in range(of_filter[-1] + 1)
        ]
    )
    return _with_indices(rows, palettes, scales, of_filter)


def _with_indices(rows: np.ndarray, palettes: np.ndarray, scales: np.ndarray, of_filter: np.ndarray) -> _Trial:
    """The nearest values at given palettes, ascending, and scales."""
    units = rows / np.where(scales > 0, scales, 1.0)[:, None]
    index = nearest_values(units, palettes, of_filter)
    values = np.take_along_axis(palettes[of_filter], index.astype(np.intp), axis=1)
    error = float(np.square(rows - values * scales[:, None]).sum())
    return _Trial(palettes, scales, index, error)


def nearest_values(units: np.ndarray, palettes: np.ndarray, of_filter: np.ndarray) -> np.ndarray:
    """The nearest value of each number in the palette of its filter, the lower of two.

    Args:
        units: (n, values).
        palettes: (palettes, 2^b), ascending.
        of_filter: (n,) the palette of each filter, ascending.

    Returns:
        (n, values) uint8.
    """
    index = np.empty(units.shape, np.uint8)
    middles = (palettes[:, 1:] + palettes[:, :-1]) / 2
    for place, edges in enumerate(middles):
        own = of_filter == place
        index[own] = np.searchsorted(edges, units[own])
    return index


def _best_scales(rows: np.ndarray, trial: _Trial, of_filter: np.ndarray) -> np.ndarray:
    """<w, p> / <p, p> of each filter, the old one where the values are all zero."""
    values = np.take_along_axis(trial.palettes[of_filter], trial.index.astype(np.intp), axis=1)
    along, energy = (values * rows).sum(axis=1), np.square(values).sum(axis=1)
    return np.where((energy > 0) & (along > 0), along, trial.scales) / np.where((energy > 0) & (along > 0), energy, 1.0)


def _stored(trial: _Trial, of_filter: np.ndarray, scheme: Palettized) -> tuple[np.ndarray, np.ndarray]:
    """Palettes as they are stored, and the scales that belong to them."""
    if scheme.scale == "none":
        return round_values(trial.palettes, scheme.value_bits), trial.scales
    most = np.abs(trial.palettes).max() or 1.0
    largest = code_levels(8)[-1] if scheme.value_bits == 8 else 1.0
    scales = round_scales(trial.scales * most / largest, 32).astype(np.float64)
    return round_values(trial.palettes * (largest / most), scheme.value_bits), scales


def round_values(values: np.ndarray, bits: int) -> np.ndarray:
    """Values of a palette as they are stored in ``bits`` bits, in float64."""
    if bits == 8:
        levels = code_levels(8)
        return np.asarray(np.clip(np.rint(values), levels[0], levels[-1]), np.float64)
    if bits == 16:
        greatest = float(np.finfo(np.float16).max)
        halves: np.ndarray = np.clip(values, -greatest, greatest).astype(np.float16)
        return halves.astype(np.float64)
    return values.astype(np.float32).astype(np.float64)


def _settle(
    rows: np.ndarray, palettes: np.ndarray, scales: np.ndarray, of_filter: np.ndarray, scheme: Palettized
) -> _Trial:
    """Stored scales, stored values and indices in turn, until none gains."""
    best = _with_indices(rows, palettes, _rounded(scales, scheme), of_filter)
    for _ in range(ROUNDS):
        scales = _common(_best_scales(rows, best, of_filter), rows, best, of_filter, scheme)
        trial = _with_indices(rows, best.palettes, _rounded(scales, scheme), of_filter)
        if trial.error > best.error:
            trial = best
        values = round_values(_best_values(rows, trial, of_filter), scheme.value_bits)
        moved = _with_indices(rows, values, trial.scales, of_filter)
        trial = moved if moved.error < trial.error else trial
        gained = best.error - trial.error
        best = trial
        if gained <= LEAST_GAIN * best.error:
            break
    return best


def _common(
    scales: np.ndarray, rows: np.ndarray, trial: _Trial, of_filter: np.ndarray, scheme: Palettized
) -> np.ndarray:
    """The scales of filters as they are; one for the layer; none changed where there are none."""
    if scheme.scale == "filter":
        return scales
    if scheme.scale == "none":
        return trial.scales
    values = np.take_along_axis(trial.palettes[of_filter], trial.index.astype(np.intp), axis=1)
    along, energy = float((values * rows).sum()), float(np.square(values).sum())
    return np.full(len(rows), along / energy) if along > 0 and energy > 0 else trial.scales


def _rounded(scales: np.ndarray, scheme: Palettized) -> np.ndarray:
    """Scales (n,) as they are stored."""
    if scheme.scale == "layer":
        return np.full(len(scales), round_scales(scales[:1], scheme.scale_bits)[0], np.float64)
    return scales if scheme.scale == "none" else round_scales(scales, scheme.scale_bits).astype(np.float64)


def _best_values(rows: np.ndarray, trial: _Trial, of_filter: np.ndarray) -> np.ndarray:
    """The values of least error at given scales and indices, ascending; a value that nothing takes stays."""
    size = trial.palettes.shape[1]
    places = (of_filter[:, None] * size + trial.index).ravel()
    counted = np.broadcast_to(np.square(trial.scales)[:, None], rows.shape).ravel()
    sums = np.bincount(places, counted, trial.palettes.size)
    along = np.bincount(places, (rows * trial.scales[:, None]).ravel(), trial.palettes.size)
    means = np.where(sums > 0, along / np.where(sums > 0, sums, 1.0), trial.palettes.ravel())
    return np.sort(means.reshape(trial.palettes.shape), axis=1)


def reconstruct(shape: ConvShape, scheme: Palettized, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The value of each index, times the scale of its filter."""
    of_filter = scheme.palette_of(shape)[:, None, None, None]
    weights: np.ndarray = arrays["palette"].astype(np.float32)[of_filter, arrays["index"]]
    return weights * arrays["scales"].reshape(-1, 1, 1, 1) if "scales" in arrays else weights
