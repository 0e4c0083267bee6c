"""Expected gain in hypervolume from measuring a design, where all its objectives but one are known beforehand.

With b the known objectives of a design (at most two), y the uncertain one, and r the reference, its gain is the
integral over x in [b, r] of max(0, h(x) - y), where h(x) is the least y among front points that are no worse than x in
the known objectives. h is constant on the cells of the grid through the front's points, so the expectation over y is a
sum of E max(0, h - y), one for each level of h: the expected hypervolume improvement [yang2019efficient] with one
uncertain objective. E is taken by Gauss-Hermite quadrature.

References:
    [yang2019efficient] K. Yang, M. Emmerich, A. Deutz & T. Bäck. Efficient computation of expected hypervolume
        improvement using box decomposition algorithms. Journal of Global Optimization 75, 2019.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["Front", "expected_gain"]

NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, eq=False)
class Front:
    """The points measured, and the reference: losses, all to be small.

    Args:
        known: the known objectives, shape (points, b), b of 0 to 2.
        heights: y, shape (points,).
        known_bound: the reference in the known objectives, shape (b,).
        bound: the reference in y.
    """

    known: np.ndarray
    heights: np.ndarray
    known_bound: np.ndarray
    bound: float

    def cells(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Edges of the grid along each known objective, and h of each cell."""
        edges = [
            np.unique(np.minimum(np.append(column, bound), bound))
            for column, bound in zip(self.known.T, self.known_bound, strict=True)
        ]
        level = np.full([len(edge) for edge in edges], self.bound)
        for point, height in zip(self.known, self.heights, strict=True):
            reached = [edge >= value for edge, value in zip(edges, point, strict=True)]
            area = np.ix_(*reached) if reached else ()
            level[area] = np.minimum(level[area], height)
        # The cell below the first edge of an axis is reached by no point.
        for axis in range(level.ndim):
            level = np.concatenate([np.full_like(np.take(level, [0], axis), self.bound), level], axis)
        return edges, level


def expected_gain(
    front: Front,
    known: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    outcomes: Callable[[np.ndarray], Iterable[tuple[float, np.ndarray]]],
) -> np.ndarray:
    """The expected gain of each design.

    Args:
        front: what is measured.
        known: the designs' known objectives, shape (designs, b).
        mean: of the normal variable behind y, shape (designs,).
        deviation: of that variable, shape (designs,).
        outcomes: the values y that the variable may come with, each with its probability.

    Returns:
        float64 of shape (designs,).
    """
    edges, level = front.cells()
    # E max(0, h - y) of each design (rows) for each level of h (columns), then of each cell.
    heights, where = np.unique(level, return_inverse=True)
    gains = np.zeros((len(known), len(heights)))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        for probability, outcome in outcomes(mean + node * deviation):
            gains += weight * probability * np.maximum(heights[None] - outcome[:, None], 0)
    gains = gains[:, where.reshape(level.shape)]
    # What a design covers of each cell, along each known objective.
    widths = []
    for axis, (edge, bound) in enumerate(zip(edges, front.known_bound, strict=True)):
        lower, upper = np.append(-np.inf, edge), np.append(edge, bound)
        widths.append(np.clip(upper[None] - np.maximum(lower[None], known[:, axis, None]), 0, None))
    if not widths:
        return gains
    if len(widths) == 1:
        return np.asarray((gains * widths[0]).sum(axis=1))
    return np.asarray(np.einsum("nij,ni,nj->n", gains, *widths))
