"""Entropy-coded weights in a metric: codes of less error in the bits of the fit to the weights alone.

For a price of a bit, codes follow by error feedback and coordinate descent under what levels cost in the table
(`explorer.forms.entropy_coded.priced_descent`), scales by least squares in the metric, and costs from how often levels
are taken, in turn. The least price that keeps to the bits is sought by halving; of what is found and the start the one
of less error is kept.
"""

from collections.abc import Iterator

import numpy as np

from costmodels.codes import code_levels, ranks_of_codes
from costmodels.layout.entropy import coded_bits
from costmodels.scales import round_scales
from costmodels.schemes import EntropyCoded
from explorer.forms.entropy_coded.rates import Costs, Rates, smooth_costs
from explorer.forms.metric import Metric

__all__ = ["refit"]

OCTAVES, HALVINGS, SWEEPS = 3.0, 6, 3


def refit(
    weights: np.ndarray, codes: np.ndarray, scales: np.ndarray, metric: Metric, scheme: EntropyCoded
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales, as they are stored, in the types of those given.

    Args:
        weights: (n, c/g, kh, kw) float64.
        codes: of the fit to the weights alone, of the same shape.
        scales: (n,) or (1,) float32.
        metric: of the layer.
        scheme: of the layer.
    """
    search = _Search(weights, codes, scales, metric, scheme)
    best = search.start
    for price in search.prices():
        tried = search.at(price)
        fits = search.fits(tried[0])
        search.narrow(price, fits)
        if fits and search.error(*tried) < search.error(*best):
            best = tried
    found, sizes = best
    return found.reshape(codes.shape).astype(codes.dtype), sizes.reshape(-1)[: len(scales)].astype(np.float32)


class _Search:
    """The search for a price.

    Args:
        weights: as for `refit`.
        codes: as for `refit`.
        scales: as for `refit`.
        metric: as for `refit`.
        scheme: as for `refit`.
    """

    def __init__(
        self, weights: np.ndarray, codes: np.ndarray, scales: np.ndarray, metric: Metric, scheme: EntropyCoded
    ) -> None:
        self.metric, self.scheme, self.rows = metric, scheme, metric.rows(weights)
        spread = np.broadcast_to(scales.astype(np.float64), len(weights)).reshape(self.rows.shape[:2])
        self.start = metric.rows(codes).astype(np.float64), spread
        self.levels = code_levels(scheme.weight_bits).astype(np.float64)
        self.rates = Rates(scheme.coder, scheme.weight_bits)
        self.most_bits = coded_bits(self._ranks(self.start[0]), scheme.weight_bits, scheme.coder)
        noise = self.error(*self.start) / self.rows.size  # of a weight: at high rates 2 ln 2 of it is a bit's price
        centre = float(np.log2(max(2 * np.log(2) * noise, 1e-300)))
        self._low, self._high = centre - OCTAVES, centre + OCTAVES

    def prices(self) -> Iterator[float]:
        """The middle of what is left, so many times."""
        for _ in range(HALVINGS if self.start[0].any() else 0):
            yield 2.0 ** ((self._low + self._high) / 2)

    def narrow(self, price: float, fits: bool) -> None:
        """A price that keeps to the bits is one to stay below."""
        if fits:
            self._high = float(np.log2(price))
        else:
            self._low = float(np.log2(price))

    def at(self, price: float) -> tuple[np.ndarray, np.ndarray]:
        """Codes (g, r, D) and stored scales (g, r) for a price."""
        from explorer.forms.entropy_coded import priced_descent  # numba takes a second to import

        codes, scales = self.start
        levels, costs = self._costs(codes, smooth_costs)
        codes = priced_descent.feed_back(self.rows, self.metric.feedback, scales, levels, price * costs)
        for costs_of in (smooth_costs, self.rates.costs):
            scales = self._least_squares(codes, scales)
            levels, costs = self._costs(codes, costs_of)
            gradient = self.metric.times(self.rows - scales[:, :, None] * codes)
            priced_descent.descend(gradient, self.metric.cells, scales, codes, levels, price * costs, SWEEPS)
        return codes, scales

    def fits(self, codes: np.ndarray) -> bool:
        """Whether the codes take no more bits than the start's."""
        ranks = self._ranks(codes)
        if self.rates.total(np.bincount(ranks, minlength=len(self.levels))) > self.most_bits:
            return False
        return coded_bits(ranks, self.scheme.weight_bits, self.scheme.coder) <= self.most_bits

    def error(self, codes: np.ndarray, scales: np.ndarray) -> float:
        """Of all filters, in the metric."""
        missed = self.rows - scales[:, :, None] * codes
        return float((self.metric.times(missed) * missed).sum())

    def _ranks(self, codes: np.ndarray) -> np.ndarray:
        return ranks_of_codes(codes.reshape(-1), self.scheme.weight_bits)

    def _costs(self, codes: np.ndarray, costs_of: Costs) -> tuple[np.ndarray, np.ndarray]:
        """The levels that have a code, and their bits."""
        costs = costs_of(np.bincount(self._ranks(codes), minlength=len(self.levels)))
        finite = np.isfinite(costs)
        return self.levels[finite], costs[finite]

    def _least_squares(self, codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """The scales of least error for the codes, as they are stored; those of before where no positive one helps."""
        if self.scheme.scale == "none":
            return scales
        spread = self.metric.times(codes)
        along, energy = (self.rows * spread).sum(axis=2), (codes * spread).sum(axis=2)
        if self.scheme.scale == "layer":
            along, energy = np.full_like(along, along.sum()), np.full_like(energy, energy.sum())
        usable = (energy > 0) & (along > 0)
        found = np.where(usable, along / np.where(energy > 0, energy, 1.0), scales)
        own = found.reshape(-1)[:1] if self.scheme.scale == "layer" else found
        stored = round_scales(own, self.scheme.scale_bits).astype(np.float64)
        filled: np.ndarray = np.broadcast_to(stored.reshape(-1, 1), (stored.size, found.size // stored.size))
        return filled.reshape(found.shape)
