"""The front of two sums over layers that share parts: branch and bound over which parts are stored.

With a set of stored parts fixed, every layer chooses alone and the parts add a constant; the front is then that of a
multiple-choice knapsack with two objectives (`searches.knapsack`). A branch is cut where the convex hull of its sums,
which bounds them from below, lies nowhere below the front found so far. The hull is the bound of the linear relaxation
of the multiple-choice knapsack [sinha1979multiple]: its edges are those of the layers' own hulls in the order of their
slopes.

References:
    [sinha1979multiple] P. Sinha & A. A. Zoltners. The multiple-choice knapsack problem. Operations Research 27(3),
        1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from searches.dominance import lower_front
from searches.errors import SearchError
from searches.knapsack import merge_capped, merge_layer
from searches.sum_problem import Choices, SumProblem

__all__ = ["Points", "front_over_branches"]

MOST_CAPPED = 100_000
"""Partial designs under caps on further sums, where none is passed over without being formed."""

HULL_MARGIN = 1e-9
"""A hull is cut only where it lies above the front by this share of its height: far more than it is rounded by."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a front.

    Args:
        x: the first sum, shape (points,).
        y: the second sum, shape (points,).
        designs: the candidates that give them, int16 of shape (points, layers).
    """

    x: np.ndarray
    y: np.ndarray
    designs: np.ndarray

    def joined(self, other: "Points") -> "Points":
        """The front of the points of both."""
        x, y = np.concatenate([self.x, other.x]), np.concatenate([self.y, other.y])
        keep = lower_front(x, y)
        return Points(x[keep], y[keep], np.concatenate([self.designs, other.designs])[keep])


def front_over_branches(problem: SumProblem, most_points: int) -> Points:
    """The front over all sets of stored parts.

    Args:
        problem: the sums and their limits.
        most_points: of a front on the way.

    Raises:
        SearchError: a front on the way has more points.
    """
    front = Points(np.empty(0), np.empty(0), np.empty((0, len(problem.allowed)), np.int16))
    branches = [(frozenset[str](), problem.shared_keys)]
    while branches:
        stored, undecided = branches.pop()
        choices, constant = problem.choices(stored | undecided), problem.constant(stored)
        if not all(len(own.index) for own in choices) or not _may_better(
            front, _hull(choices, constant), problem.limits
        ):
            continue
        tables = problem.candidates.layers
        taken = [table.shared[i] for table, own in zip(tables, choices, strict=True) for i in own.index]
        wanted = undecided.intersection(frozenset[str]().union(*taken))
        if wanted:
            key = min(wanted)
            branches += [(stored | {key}, undecided - {key}), (stored, undecided - {key})]
            continue
        front = front.joined(_front_of_sums(choices, constant, problem.limits, most_points))
    return front


def _hull(choices: Sequence[Choices], constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower left convex hull of all sums of the objectives: the layers' hull edges, steepest first.

    Returns:
        x and y of its corners.
    """
    starts = [constant[:2]]
    edges = []
    for own in choices:
        corners: list[tuple[float, float]] = []
        for x, y in own.values[lower_front(*own.values[:, :2].T), :2].tolist():
            while len(corners) > 1 and _turns_right(corners[-2], corners[-1], (x, y)):
                corners.pop()
            corners.append((x, y))
        starts.append(np.array(corners[0]))
        edges.append(np.diff(np.array(corners), axis=0))
    joined = np.concatenate(edges)
    joined = joined[np.argsort(joined[:, 1] / joined[:, 0], kind="stable")]
    corner = np.cumsum(np.concatenate([np.sum(starts, axis=0)[None], joined]), axis=0)
    return corner[:, 0], corner[:, 1]


def _turns_right(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether the middle point lies on or above the line between its neighbours."""
    return (middle[0] - first[0]) * (last[1] - first[1]) <= (middle[1] - first[1]) * (last[0] - first[0])


def _may_better(front: Points, hull: tuple[np.ndarray, np.ndarray], limits: np.ndarray) -> bool:
    """Whether a hull reaches, within the limits, below the steps of a front.

    A step is the region left of a point's x and below the y of the point before it. The corners of a hull are exact,
    the values between them are rounded.
    """
    x, y = hull
    if x[0] > limits[0] or y[-1] > limits[1]:
        return False
    right, top = np.append(front.x, np.inf), np.append(np.inf, front.y)
    margin = np.where(right < x[-1], HULL_MARGIN * (np.abs(y[0]) + np.abs(y[-1])), 0)
    return bool(((np.interp(right, x, y) - margin < top) & (right > x[0])).any())


def _front_of_sums(choices: Sequence[Choices], constant: np.ndarray, limits: np.ndarray, most: int) -> Points:
    """The front of all sums of one choice a layer and of the constant.

    Raises:
        SearchError: a front on the way has more than ``most`` points.
    """
    # Layers of small range come first, as fronts stay small. What the layers to come add at least is taken off the
    # limits, so that no partial design is kept that cannot end within them; what they add at most tells which capped
    # sums can no longer exceed theirs.
    order = sorted(range(len(choices)), key=lambda layer: (np.ptp(choices[layer].values[:, 0]), layer))
    rest_least = sum(own.values.min(axis=0) for own in choices)
    rest_most = sum(own.values.max(axis=0) for own in choices)
    front, trail = constant[None], []
    for layer in order:
        own = choices[layer]
        rest_least, rest_most = rest_least - own.values.min(axis=0), rest_most - own.values.max(axis=0)
        if len(constant) == 2:
            x_limit, y_limit = limits - rest_least
            (front_x, front_y), (own_x, own_y) = (np.ascontiguousarray(part.T) for part in (front, own.values))
            *sums, source, taken = merge_layer(front_x, front_y, own_x, own_y, x_limit, y_limit, most)
            front = np.stack(sums, axis=1)
        else:
            most = min(most, MOST_CAPPED)
            slack = (limits - rest_most)[2:]
            front, source, taken = merge_capped(front, own.values, limits - rest_least, slack, most)
        if len(front) > most:
            remedy = "lower the caps, use a larger unit, or ask for a front within a factor"
            raise SearchError(f"a front has at most {most:,} points", "more on the way", remedy)
        trail.append((layer, source, own.index[taken].astype(np.int16)))
        if not len(front):
            break
    keep = lower_front(front[:, 0], front[:, 1])
    return Points(front[keep, 0], front[keep, 1], _designs(keep, trail, len(choices)))


def _designs(keep: np.ndarray, trail: Sequence[tuple[int, np.ndarray, np.ndarray]], layers: int) -> np.ndarray:
    """The designs of points of the last front, by going back from each to the point that it came from.

    Args:
        keep: indices of the points.
        trail: for each layer in the order of merging: the layer, for each point of its front the index of the point
            that it was made from, and the candidate taken.
        layers: how many there are.
    """
    designs, place = np.zeros((len(keep), layers), np.int16), keep
    for layer, source, taken in reversed(trail if len(keep) else []):
        designs[:, layer] = taken[place]
        place = source[place]
    return designs
