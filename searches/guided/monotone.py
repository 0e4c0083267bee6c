"""A non-decreasing function of least squared error, and how far what it was fitted to lies around it.

It is found by the pool-adjacent-violators algorithm [busing2022monotone].

References:
    [busing2022monotone] F. M. T. A. Busing. Monotone regression: a simple and fast O(n) PAVA implementation. Journal of
        Statistical Software, Code Snippets 102(1), 2022.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Monotone"]

NEIGHBOURS = 7
"""On either side, from which it is seen how far values lie from the function."""


@dataclass(frozen=True, eq=False)
class Monotone:
    """A non-decreasing function, interpolated between the places that it was fitted at.

    Args:
        places: ascending, shape (points,).
        heights: there, shape (points,).
        around: standard deviation of the values around the function there, shape (points,).
    """

    places: np.ndarray
    heights: np.ndarray
    around: np.ndarray

    @classmethod
    def of(cls, places: np.ndarray, values: np.ndarray) -> "Monotone":
        """The function of values at places, both of shape (points,), in any order."""
        from scipy.optimize import isotonic_regression

        order = np.argsort(places, kind="stable")
        heights = isotonic_regression(values[order]).x
        return cls(places[order], heights, np.sqrt(_local_mean(np.square(values[order] - heights))))

    def at(self, places: np.ndarray) -> np.ndarray:
        """The function."""
        return np.asarray(np.interp(places, self.places, self.heights))

    def spread(self, places: np.ndarray) -> np.ndarray:
        """The standard deviation around it."""
        return np.asarray(np.interp(places, self.places, self.around))

    def outcomes(self, places: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Values that there may be at places, each with its probability: the nodes of Gauss and Hermite, three of
        them."""
        middle, spread = self.at(places), self.spread(places)
        for node, probability in ((0.0, 2 / 3), (-(3**0.5), 1 / 6), (3**0.5, 1 / 6)):
            yield probability, middle + node * spread


def _local_mean(values: np.ndarray) -> np.ndarray:
    """The mean of each value and its `NEIGHBOURS` on either side, as far as there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    first, last = np.maximum(place - NEIGHBOURS, 0), np.minimum(place + NEIGHBOURS + 1, len(values))
    means: np.ndarray = (sums[last] - sums[first]) / (last - first)
    return means
