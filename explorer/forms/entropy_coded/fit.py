"""Entropy-coded weights: codes and scales of least error within the bits that the scheme names.

First all weights share a scale (`explorer.forms.entropy_coded.pooled`): for squared error one step size of all filters
is what theory asks for, the code being one of the layer. Then filters get scales of their own by least squares, and
levels are decided again under the table found, at the least price of a bit that stays within the limit.

Arrays: ``weights`` (n, c/g, kh, kw) int8, codes of `costmodels.codes`; ``scales`` (n,) or (1,) float32 where the scheme
has any.
"""

import numpy as np

from costmodels.codes import code_dtype, code_levels, ranks_of_codes
from costmodels.layout.entropy import coded_bits
from costmodels.scales import round_scales
from costmodels.schemes import EntropyCoded
from costmodels.shapes import ConvShape
from explorer.forms.entropy_coded import metric_fit
from explorer.forms.entropy_coded.decisions import Decisions
from explorer.forms.entropy_coded.pooled import Solution, SortedRow, solve
from explorer.forms.entropy_coded.rates import Rates
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.quantizer import quantizer_rows

__all__ = ["fit", "refit"]

HALVINGS, MOST_OCTAVES = 10, 24.0
SPREAD = 2.0
"""Octaves of the price, to both sides of that of the pooled weights, in which the last one is sought."""


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: EntropyCoded,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Codes and scales. With ``scale="none"`` a code stands for itself, so only weights of that size fit well."""
    has_scales = scheme.scale != "none"
    rows = quantizer_rows(weights, scheme.scale)
    codes, scales = np.zeros(rows.shape), np.zeros(len(rows), np.float32)
    if weights.any():
        row = SortedRow(weights.reshape(-1), scheme.weight_bits)
        rates, most = Rates(scheme.coder, scheme.weight_bits), scheme.most_bits(shape)
        pooled = solve(row, rates, most, scheme.rate_lambda, not has_scales)
        if has_scales:
            codes, scales = _own_scales(rows, row.size, pooled, scheme, most)
        else:
            codes = _within(rows, np.ones(1, np.float32), row.size, pooled, scheme, most)
    stored = codes.astype(code_dtype(scheme.weight_bits)).reshape(shape.weight_shape)
    return {"weights": stored} | ({"scales": scales} if has_scales else {})


def refit(
    weights: np.ndarray, shape: ConvShape, scheme: EntropyCoded, arrays: Arrays, seed: int, metric: Metric
) -> Arrays:
    """Codes and scales in a metric, in no more bits, see `explorer.forms.entropy_coded.metric_fit`."""
    if not weights.any():
        return arrays
    scales = arrays.get("scales", np.ones(1, np.float32))
    codes, scales = metric_fit.refit(weights, arrays["weights"], scales, metric, scheme)
    return {"weights": codes} | ({"scales": scales} if "scales" in arrays else {})


def _own_scales(
    rows: np.ndarray, size: float, pooled: Solution, scheme: EntropyCoded, most_bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codes (rows, values), and scales (rows,) float32 as they are stored."""
    scales = np.full(len(rows), pooled.scale * size)
    for _ in range(2):
        codes = _decide(rows, scales, size, pooled.price, pooled.costs)
        scales = _least_squares(rows, codes, scales)
    stored = round_scales(scales, scheme.scale_bits)
    codes = _within(rows, stored, size, pooled, scheme, most_bits)
    again = round_scales(_least_squares(rows, codes, stored.astype(np.float64)), scheme.scale_bits)
    errors = [np.square(rows - one.astype(np.float64)[:, None] * codes).sum() for one in (stored, again)]
    return codes, again if errors[1] < errors[0] else stored


def _within(
    rows: np.ndarray, scales: np.ndarray, size: float, pooled: Solution, scheme: EntropyCoded, most_bits: int
) -> np.ndarray:
    """Codes at these scales under the pooled table, at the least price that keeps the stream within its bits."""

    rates, steps, least = Rates(scheme.coder, scheme.weight_bits), scales.astype(np.float64), scheme.rate_lambda

    def at(price: float) -> tuple[np.ndarray, bool]:
        codes = _decide(rows, steps, size, price, pooled.costs)
        return codes, rates.total(np.bincount(_ranks(codes, scheme), minlength=1 << scheme.weight_bits)) <= most_bits

    centre = np.log2(max(pooled.price, 1e-9))
    low, high = centre - SPREAD, centre + SPREAD
    if pooled.price <= least:
        low = high = float(np.log2(max(least, 1e-9)))
    best, fits = at(2.0**high if high > low else least)
    while not fits and high < MOST_OCTAVES:
        low, high = high, high + SPREAD
        best, fits = at(2.0**high)
    for _ in range(HALVINGS if high > low else 0):
        middle = (low + high) / 2
        codes, fits = at(max(least, 2.0**middle))
        if fits:
            best, high = codes, middle
        else:
            low = middle
    while coded_bits(_ranks(best, scheme), scheme.weight_bits, scheme.coder) > most_bits and high < MOST_OCTAVES:
        high += 1 / 64  # the bits of rANS are known within a few, until it is done
        best, _ = at(2.0**high)
    return best


def _ranks(codes: np.ndarray, scheme: EntropyCoded) -> np.ndarray:
    """(weights,) as they are stored."""
    return ranks_of_codes(codes.reshape(-1), scheme.weight_bits)


def _decide(rows: np.ndarray, scales: np.ndarray, size: float, price: float, costs: np.ndarray) -> np.ndarray:
    """The level of each value at the scale of its row."""
    levels = code_levels(int(np.log2(len(costs)))).astype(np.float64)
    steps = np.where(scales > 0, scales, np.inf)
    if not (scales > 0).any():
        return np.zeros(rows.shape)
    middle = float(np.exp(np.log(steps[scales > 0]).mean()))
    decisions = Decisions.of_costs(levels, costs, price * (size / middle) ** 2)
    return decisions.take_rows(rows / steps[:, None], (middle / steps) ** 2) * (scales > 0)[:, None]


def _least_squares(rows: np.ndarray, codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The best scale of each row for its codes; that of before where no positive one helps."""
    along, energy = np.einsum("ij,ij->i", rows, codes), np.einsum("ij,ij->i", codes, codes)
    usable = (energy > 0) & (along > 0)
    found: np.ndarray = np.where(usable, along / np.where(energy > 0, energy, 1.0), scales)
    return found
