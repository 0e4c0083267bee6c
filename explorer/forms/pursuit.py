"""Orthogonal matching pursuit in a metric: which few coefficients of a filter are worth most; compiled loops.

A filter takes one direction after the other, each time the one that lowers the error most given that all those taken so
far get their best values: the directions are made orthogonal to those taken, in the metric, as it goes. How many
each filter takes is decided for the layer: the steps of all filters are ranked by what they gain, a filter's later
steps never before its earlier ones.

Source: Rebollo-Neira & Lowe, Optimized Orthogonal Matching Pursuit Approach, IEEE Signal Processing Letters 9, 2002.
"""

import numpy as np
from numba import njit

__all__ = ["pursue", "pursuit_work"]

RIDGE = 1e-9
"""Share of its own energy below which what is new in a direction counts as none."""

MOST_OF_MEAN = 2
"""A filter takes up to so many times the mean number of coefficients."""


def pursuit_work(shape: tuple[int, ...], count: int) -> int:
    """About how many multiplications `pursue` takes.

    Args:
        shape: of the target, (g, r, N).
        count: in all.
    """
    groups, rows, directions = shape
    return groups * rows * directions * _most(shape, count) ** 2


def _most(shape: tuple[int, ...], count: int) -> int:
    """How many directions a filter takes at most."""
    groups, rows, directions = shape
    return min(directions, max(1, -(-MOST_OF_MEAN * count // (groups * rows))))


def pursue(gram: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    """Coefficients (g, r, N) of which ``count`` are not zero, with their best values.

    Args:
        gram: products of the N directions in the metric, (g, N, N).
        target: products of the filters with them, (g, r, N).
        count: in all, at most.
    """
    groups, rows, _ = target.shape
    most = _most(target.shape, count)
    chosen, gains = _paths(gram, target, most)
    worth = np.minimum.accumulate(gains, axis=2).reshape(-1)
    order = np.argsort(-worth, kind="stable")[:count]
    order = order[worth[order] > 0]
    taken = np.bincount(order // most, minlength=groups * rows).reshape(groups, rows)
    found: np.ndarray = _solved(gram, target, chosen, taken)
    return found


@njit(cache=True, nogil=True)
def _extended(factor: np.ndarray, gram: np.ndarray, chosen: np.ndarray, size: int, new: int) -> float:
    """Adds the row of a direction to a Cholesky factor; what is new in it, squared."""
    left: float = gram[new, new]
    for a in range(size):
        total = gram[new, chosen[a]]
        for b in range(a):
            total -= factor[size, b] * factor[a, b]
        factor[size, a] = total / factor[a, a]
        left -= factor[size, a] ** 2
    factor[size, size] = np.sqrt(max(left, 1e-300))
    return left


@njit(cache=True, nogil=True)
def _paths(gram: np.ndarray, target: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The first directions of every filter, (g, r, most), -1 where none is left, and what each gains."""
    groups, rows, directions = target.shape
    chosen = np.full((groups, rows, most), -1)
    gains = np.zeros((groups, rows, most))
    basis = np.zeros((most, directions))
    for g in range(groups):
        for i in range(rows):
            residual = target[g, i].copy()
            energy = np.empty(directions)
            for n in range(directions):
                energy[n] = gram[g, n, n]
            for size in range(most):
                best, most_gain = -1, 0.0
                for n in range(directions):
                    if energy[n] > RIDGE * gram[g, n, n] and residual[n] ** 2 / energy[n] > most_gain:
                        best, most_gain = n, residual[n] ** 2 / energy[n]
                if best < 0:
                    break
                chosen[g, i, size], gains[g, i, size] = best, most_gain
                root = np.sqrt(energy[best])
                # The new orthonormal direction's products with all others, as a row of Gram-Schmidt in the metric.
                for n in range(directions):
                    basis[size, n] = gram[g, best, n]
                for a in range(size):
                    along = basis[a, best]
                    for n in range(directions):
                        basis[size, n] -= along * basis[a, n]
                step = residual[best] / energy[best]
                for n in range(directions):
                    residual[n] -= step * basis[size, n]
                    basis[size, n] /= root
                    energy[n] -= basis[size, n] ** 2
                energy[best] = 0.0
    return chosen, gains


@njit(cache=True, nogil=True)
def _solved(gram: np.ndarray, target: np.ndarray, chosen: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The best values at the first directions of each filter."""
    groups, rows, directions = target.shape
    most = chosen.shape[2]
    found = np.zeros((groups, rows, directions))
    factor = np.zeros((most, most))
    values = np.zeros(most)
    for g in range(groups):
        for i in range(rows):
            size = taken[g, i]
            for a in range(size):
                _extended(factor, gram[g], chosen[g, i], a, chosen[g, i, a])
                total = target[g, i, chosen[g, i, a]]
                for b in range(a):
                    total -= factor[a, b] * values[b]
                values[a] = total / factor[a, a]
            for a in range(size - 1, -1, -1):
                total = values[a]
                for b in range(a + 1, size):
                    total -= factor[b, a] * values[b]
                values[a] = total / factor[a, a]
            for a in range(size):
                found[g, i, chosen[g, i, a]] = values[a]
    return found
