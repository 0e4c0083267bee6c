"""Rate-distortion optimal levels of all weights under one scale.

For a price of a bit the error of all values plus the price of their bits is lowered step by step, each best for the
others: the values' levels (`explorer.forms.entropy_coded.decisions`), the scale by least squares, and the bits of each
level from how often it is taken (Chou, Lookabaugh & Gray, IEEE Trans. ASSP 37(1), 1989). As the levels of sorted values
are intervals, sums up to each place give all of it in the time of a search for each level. The least price with which
the bits stay within a limit is found by halving, from several first scales with bits that are no whole numbers, and
then from the best of these with those of the coder.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from costmodels.codes import code_levels
from explorer.forms.entropy_coded.decisions import Decisions
from explorer.forms.entropy_coded.rates import Costs, Rates, smooth_costs

__all__ = ["Solution", "SortedRow", "least_price", "solve"]

ROUNDS = 5
STARTS = (0.45, 0.55, 0.65, 0.75, 0.85, 1.0, 1.15)
"""First scales, as shares of the one at which Gaussian values rounded to levels have the limit's bits of entropy."""

GAUSSIAN = 2.05
"""Bits of entropy of Gaussian values of unit variance, rounded to whole numbers: log2(2*pi*e)/2."""

OCTAVES, MOST_OCTAVES = 3.0, 12.0
"""Steps to greater prices, and where they end: there all values of a row have one level."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Levels of a row.

    Args:
        scale: of the levels, in units of the row's root mean square.
        price: of a bit, in mean squares.
        costs: (2^b,) bits of each level.
        counts: (2^b,) how often each is taken.
        error: squared error over the row's energy.
    """

    scale: float
    price: float
    costs: np.ndarray
    counts: np.ndarray
    error: float


class SortedRow:
    """Values in units of their root mean square, sorted.

    Args:
        values: (count,), not all zero.
        bits: b.
        size: the unit, if it is another.
    """

    def __init__(self, values: np.ndarray, bits: int, size: float | None = None) -> None:
        self.size = float(np.sqrt(np.square(values).mean())) if size is None else size
        self.values = np.sort(values) / self.size
        self.levels = code_levels(bits).astype(np.float64)
        self._sums = np.concatenate([[0.0], self.values.cumsum()])
        self._energy = float(np.square(self.values).sum())

    def descend(self, scale: float, price: float, costs_of: Costs, is_fixed: bool = False) -> Solution:
        """Levels, scale and bits in turn.

        Args:
            scale: to start from.
            price: of a bit.
            costs_of: counts of levels -> bits of each.
            is_fixed: whether the scale stays.
        """
        counts, along, energy = self._taken(scale, np.zeros(len(self.levels)), 0.0)
        costs = costs_of(counts)
        for _ in range(ROUNDS):
            counts, along, energy = self._taken(scale, costs, price / scale**2)
            if along > 0 and not is_fixed:
                scale = along / energy
            costs = costs_of(counts)
        error = (self._energy - 2 * scale * along + scale**2 * energy) / self._energy
        return Solution(scale, price, costs, counts, error)

    def _taken(self, scale: float, costs: np.ndarray, rho: float) -> tuple[np.ndarray, float, float]:
        """How often each level is taken, and the sums of value times level and of squared levels."""
        decisions = Decisions.of_costs(self.levels, costs, rho)
        inner = np.searchsorted(self.values, decisions.edges * scale, side="left")
        ends = np.concatenate([[0], inner, [len(self.values)]])
        taken = np.diff(ends)
        counts = np.zeros(len(self.levels), np.int64)
        counts[(decisions.levels - self.levels[0]).astype(np.intp)] = taken
        along = float(decisions.levels @ np.diff(self._sums[ends]))
        return counts, along, float(np.square(decisions.levels) @ taken)


def solve(row: SortedRow, rates: Rates, most_bits: float, least: float, is_fixed: bool = False) -> Solution:
    """The levels of least error plus ``least`` a bit, within so many bits where that can be.

    Args:
        row: the values.
        rates: of the coder.
        most_bits: of the stream.
        least: price of a bit.
        is_fixed: whether the scale is the row's own unit's inverse, 1 in the units of the values.
    """
    count = len(row.values)
    rate = most_bits / count
    first, expected = 2.0 ** (GAUSSIAN - rate), 2 * np.log(2) * 2.0 ** (-2 * rate)
    starts = [1 / row.size] if is_fixed else [share * first for share in STARTS]

    def at(scale: float, costs_of: Costs, price: float, octaves: float, halvings: int) -> Solution:
        prices = price * 2.0**-octaves, price * 2.0**octaves
        tried = lambda one: row.descend(scale, one, costs_of, is_fixed)  # noqa: E731
        return least_price(tried, rates, most_bits, least, prices, halvings)

    def value(one: Solution) -> float:
        return one.error + least * rates.total(one.counts) / count

    rough = min((at(scale, smooth_costs, expected, 3, 6) for scale in starts), key=value)
    return at(rough.scale, rates.costs, max(rough.price, expected / 8), 3, 9)


def least_price(
    at_price: Callable[[float], Solution],
    rates: Rates,
    most_bits: float,
    least: float,
    prices: tuple[float, float],
    halvings: int,
) -> Solution:
    """What the least price gives with which the bits stay within a limit; a very great price, where none does.

    Args:
        at_price: price of a bit -> levels.
        rates: of the coder.
        most_bits: the limit.
        least: price.
        prices: between which it is sought first.
        halvings: of the octaves between them.
    """
    best = at_price(least)
    if rates.total(best.counts) <= most_bits:
        return best
    low, high = (float(np.log2(max(price, least))) for price in prices)
    best = at_price(2.0**high)
    while rates.total(best.counts) > most_bits and high < MOST_OCTAVES:
        low, high = high, high + OCTAVES
        best = at_price(2.0**high)
    for _ in range(halvings):
        middle = (low + high) / 2
        tried = at_price(2.0**middle)
        if rates.total(tried.counts) <= most_bits:
            best, high = tried, middle
        else:
            low = middle
    return best
