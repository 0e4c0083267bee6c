"""The palette of least squared error of numbers on a line: k-means in one dimension, exactly.

Of sorted numbers every best cluster is a run, so the best clusters are a shortest path, found run by run: the least
error of the first j numbers in k runs is the least over i of that of the first i in k - 1 runs, and of one run from
there on. The best i never falls as j grows, so halving the range of j halves that of i: k*m*log(m) steps in all.

Source: Wang & Song, Ckmeans.1d.dp, The R Journal 3(2), 2011, with Grønlund et al., arXiv 1701.07204, for the halving.
"""

import numpy as np
from numba import njit

__all__ = ["best_palette"]

MOST_POINTS = 1 << 14
"""Distinct numbers up to which clusters are exact; of more, those of equal intervals stay together."""


def best_palette(numbers: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """The values c, ascending, that minimize sum(weight * min over c of (number - c)^2).

    Args:
        numbers: (numbers,) float64, at least one.
        weights: (numbers,), none negative.
        count: of values; where there are fewer distinct numbers, the last value is repeated.
    """
    points, masses = _points(numbers, weights)
    size = min(count, len(points))
    offset = float(masses @ points / masses.sum())  # sums of squares about the mean, which lose no digits
    values = _means(points - offset, masses, _starts(points - offset, masses, size))
    return np.append(values + offset, np.full(count - size, values[-1] + offset))


def _points(numbers: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct numbers with what they weigh; means of intervals, if there are too many."""
    if not weights.any():
        weights = np.ones_like(numbers)
    points, place = np.unique(numbers[weights > 0], return_inverse=True)
    masses = np.bincount(place, weights[weights > 0])
    if len(points) > MOST_POINTS:
        width = (points[-1] - points[0]) / MOST_POINTS
        place = np.minimum(((points - points[0]) / width).astype(np.int64), MOST_POINTS - 1)
        sums, moments = np.bincount(place, masses), np.bincount(place, masses * points)
        points, masses = moments[sums > 0] / sums[sums > 0], sums[sums > 0]
    return points, masses


def _means(points: np.ndarray, masses: np.ndarray, starts: np.ndarray) -> np.ndarray:
    means: np.ndarray = np.add.reduceat(points * masses, starts) / np.add.reduceat(masses, starts)
    return means


@njit(cache=True, nogil=True)
def _starts(points, masses, count):  # type: ignore[no-untyped-def]
    """The first point of each run of the best ones."""
    size = len(points)
    sums = np.zeros((3, size + 1))
    for j in range(size):
        weight, value = masses[j], points[j]
        sums[0, j + 1] = sums[0, j] + weight
        sums[1, j + 1] = sums[1, j] + weight * value
        sums[2, j + 1] = sums[2, j] + weight * value * value
    least = np.empty(size + 1)
    least[0] = 0.0
    for j in range(1, size + 1):
        least[j] = _error(sums, 0, j)
    cuts = np.zeros((count, size + 1), np.int32)
    ranges = np.empty((2 * size + 2, 4), np.int64)
    for run in range(1, count):
        before = least.copy()
        least[:] = np.inf
        ranges[0] = run + 1, size, run, size - 1
        held = 1
        while held:
            held -= 1
            low, high, first, last = ranges[held]
            if low > high:
                continue
            middle = (low + high) // 2
            cut, smallest = first, np.inf
            for i in range(first, min(last, middle - 1) + 1):
                error = before[i] + _error(sums, i, middle)
                if error < smallest:
                    cut, smallest = i, error
            least[middle], cuts[run, middle] = smallest, cut
            ranges[held] = low, middle - 1, first, cut
            ranges[held + 1] = middle + 1, high, cut, last
            held += 2
    starts = np.zeros(count, np.int64)
    end = size
    for run in range(count - 1, 0, -1):
        end = cuts[run, end]
        starts[run] = end
    return starts


@njit(cache=True, nogil=True)
def _error(sums, first, end):  # type: ignore[no-untyped-def]
    """The squared error of the points from ``first`` to ``end`` - 1 about their mean; 0 of points that weigh so little
    beside those before them that no sum shows it."""
    weight = sums[0, end] - sums[0, first]
    total = sums[1, end] - sums[1, first]
    if weight <= 0:
        return 0.0
    return sums[2, end] - sums[2, first] - total * total / weight
