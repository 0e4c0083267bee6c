"""Dominance, fronts and hypervolume.

Legend: p points, k objectives. Every function but `losses` and `front_hypervolume` takes losses: arrays (p, k) in which
less is better in every column.
Source of the terms: Zitzler & Thiele, IEEE Transactions on Evolutionary Computation 3(4), 1999.
"""

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from reports.errors import ReportError

__all__ = ["Direction", "dominates", "front_hypervolume", "hypervolume", "knee", "losses", "non_dominated"]

Losses = NDArray[np.float64]


class Direction(Protocol):
    """What a front needs to know of an objective: the column of its values, and ``minimize`` or ``maximize``."""

    @property
    def column(self) -> str:
        """The column that holds its values."""

    @property
    def direction(self) -> str:
        """``minimize`` or ``maximize``."""


def losses(table: pd.DataFrame, objectives: Sequence[Direction]) -> Losses:
    """The objectives' columns as losses (p, k): maximized ones change sign."""
    values = table[[objective.column for objective in objectives]].to_numpy(dtype=float, na_value=np.nan)
    return values * [-1.0 if objective.direction == "maximize" else 1.0 for objective in objectives]


def dominates(better: ArrayLike, worse: ArrayLike) -> bool:
    """Whether losses (k,) are nowhere greater and somewhere less; equal points do not dominate each other.

    >>> dominates([1, 2], [1, 3]), dominates([1, 2], [1, 2])
    (True, False)
    """
    one, other = np.asarray(better, float), np.asarray(worse, float)
    return bool(np.all(one <= other) and np.any(one < other))


def non_dominated(points: ArrayLike, distinct: bool = False) -> NDArray[np.bool_]:
    """Mask (p,) of the points that no other point dominates; a point with a NaN or infinite loss is never among them.

    Args:
        points: losses (p, k).
        distinct: of equal points, keep the first alone.

    >>> non_dominated([[1, 2], [2, 1], [2, 2]]).tolist()
    [True, True, False]
    """
    array = _points(points)
    mask = np.zeros(len(array), dtype=bool)
    finite = np.flatnonzero(np.isfinite(array).all(axis=1))
    # In lexicographic order a point can only be dominated by an earlier one, and by one of the front if by any.
    front = np.empty((0, array.shape[1]))
    for index in finite[np.lexsort(array[finite].T[::-1])]:
        point = array[index]
        not_worse = (front <= point).all(axis=1)
        equal = (front == point).all(axis=1)
        if not np.any(not_worse & ~equal) and not (distinct and equal.any()):
            mask[index] = True
            front = np.vstack([front, point])
    return mask


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume that losses (p, k) dominate, bounded by a reference point (k,), for k = 1, 2 or 3; exact up to rounding.

    Points that are not better than the reference in every objective, and points that are not finite, add nothing.

    Raises:
        ReportError: k is not 1, 2 or 3, or points and reference differ in k.

    >>> hypervolume([[1, 2], [2, 1]], [3, 3])
    3.0
    """
    array, bound = _points(points), np.asarray(reference, float)
    if bound.ndim != 1 or array.shape[1] != len(bound) or len(bound) not in _VOLUMES:
        raise ReportError(
            "a hypervolume needs points and a reference of the same 1, 2 or 3 objectives",
            f"points {array.shape}, reference {bound.shape}",
            "choose up to three objectives",
        )
    inside = array[np.isfinite(array).all(axis=1) & (array < bound).all(axis=1)]
    # Points that add nothing are left out, so that they do not change the last bits of the sum either.
    inside = inside[non_dominated(inside, distinct=True)]
    return float(_VOLUMES[len(bound)](inside, bound)) if len(inside) else 0.0


def _length(points: Losses, bound: Losses) -> float:
    return float(bound[0] - points[:, 0].min())


def _area(points: Losses, bound: Losses) -> float:
    """Sum over points by rising x of (width to the reference) x (height gained over the points before)."""
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    lowest = np.minimum.accumulate(points[:, 1])
    before = np.concatenate([[bound[1]], lowest[:-1]])
    return float(((bound[0] - points[:, 0]) * (before - lowest)).sum())


def _volume(points: Losses, bound: Losses) -> float:
    """Sum over slices between neighbouring z of (thickness) x (area dominated by the points at or below the slice)."""
    levels = np.append(np.unique(points[:, 2]), bound[2])
    return sum(
        float(above - level) * _area(points[points[:, 2] <= level, :2], bound[:2])
        for level, above in itertools.pairwise(levels)
    )


_VOLUMES = {1: _length, 2: _area, 3: _volume}


def front_hypervolume(front: pd.DataFrame, objectives: Sequence[Direction], reference: Sequence[float]) -> float:
    """Hypervolume of a front in the objectives' own units.

    Args:
        front: a table with the objectives' columns.
        objectives: one, two or three.
        reference: the reference value of each objective, as it stands in its column (not negated where maximized).

    Raises:
        ReportError: not one, two or three objectives, or not as many reference values.
    """
    bound = losses(pd.DataFrame([reference], columns=[objective.column for objective in objectives]), objectives)
    return hypervolume(losses(front, objectives), bound[0])


def knee(points: ArrayLike) -> int | None:
    """Index of the knee: the point of a front with the least sum of losses, each scaled to [0, 1] over the front.

    For two losses that is the point farthest below the line through the ends of the front. The first of equals;
    ``None`` without finite points.

    Source: the maximum bulge of Das, Structural Optimization 18, 1999.
    """
    array = _points(points)
    finite = np.flatnonzero(np.isfinite(array).all(axis=1))
    if not len(finite):
        return None
    low, high = array[finite].min(axis=0), array[finite].max(axis=0)
    scaled = (array[finite] - low) / np.where(high > low, high - low, 1.0)
    return int(finite[np.argmin(scaled.sum(axis=1))])


def _points(points: ArrayLike) -> Losses:
    array = np.asarray(points, dtype=float)
    return array.reshape(len(array), -1) if array.size else array.reshape(0, array.shape[-1] if array.ndim > 1 else 1)
