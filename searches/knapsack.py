"""The complete front of a sum over layers, layer by layer: every sum that no other sum dominates, in jitted loops.

This is the dynamic program of the multiple-choice knapsack with dominance [nemhauser1969discrete], [dyer1995hybrid]: a
partial design that another one dominates is part of no front that the other cannot stand in for, whatever the layers to
come. Both figures are float64 values whose sums are exact (see `searches.candidate_tables`), so every comparison is.

References:
    [nemhauser1969discrete] G. L. Nemhauser & Z. Ullmann. Discrete dynamic programming and capital allocation.
        Management Science 15(9), 1969.
    [dyer1995hybrid] M. E. Dyer, W. O. Riha & J. Walker. A hybrid dynamic programming/branch-and-bound algorithm for the
        multiple-choice knapsack problem. Journal of Computational and Applied Mathematics 58(1), 1995.
"""

import numpy as np
from numba import njit

__all__ = ["merge_capped", "merge_layer"]

BINS = 128
"""Of a window, to drop most dominated sums before the rest are sorted."""

LEAST_FOUND, MOST_FOUND = 2, 4
"""Sums found in a window for each candidate, where its width stays as it is."""

NARROWER, WIDER = 0.7, 1.5
"""Factors of the next window's width after one in which more, or fewer, sums were found."""

FIRST_ROOM = 1024
"""Sums that there is room for at first; arrays that are full grow to twice their size."""


@njit(cache=True)
def _grown(values: np.ndarray, used: int) -> np.ndarray:
    """A copy with room for twice as many."""
    larger = np.empty(2 * len(values), values.dtype)
    larger[:used] = values[:used]
    return larger


@njit(cache=True)
def _first_below(values: np.ndarray, start: int, limit: float) -> int:
    """The first place from ``start`` on of a falling array that is below a limit: galloping, then bisection."""
    if start >= len(values) or values[start] < limit:
        return start
    step = 1
    while start + step < len(values) and values[start + step] >= limit:
        start += step
        step *= 2
    end = min(start + step, len(values))
    while end - start > 1:
        middle = (start + end) // 2
        if values[middle] >= limit:
            start = middle
        else:
            end = middle
    return end


@njit(cache=True)
def _next_start(
    places: np.ndarray,
    front_x: np.ndarray,
    front_y: np.ndarray,
    own_x: np.ndarray,
    own_y: np.ndarray,
    least: float,
) -> float:
    """Moves every candidate's place on to its first sum below the least y; returns the least x of these sums."""
    start = np.inf
    for j in range(len(own_x)):
        places[j] = _first_below(front_y, places[j], least - own_y[j])
        if places[j] < len(front_x):
            start = min(start, front_x[places[j]] + own_x[j])
    return start


@njit(cache=True)
def _drop_dominated(
    x: np.ndarray,
    y: np.ndarray,
    source: np.ndarray,
    own: np.ndarray,
    found: int,
    start: float,
    width: float,
) -> int:
    """Drops sums whose y is no less than one in a bin further left, which has a lesser x; returns how many stay."""
    least = np.full(BINS + 1, np.inf)
    scale = (BINS - 1) / width if width > 0 else 0.0
    for i in range(found):
        place = int((x[i] - start) * scale) + 1
        least[place] = min(least[place], y[i])
    for place in range(1, BINS + 1):
        least[place] = min(least[place], least[place - 1])
    kept = 0
    for i in range(found):
        if y[i] < least[int((x[i] - start) * scale)]:
            x[kept], y[kept], source[kept], own[kept] = x[i], y[i], source[i], own[i]
            kept += 1
    return kept


@njit(cache=True)
def merge_layer(
    front_x: np.ndarray,
    front_y: np.ndarray,
    own_x: np.ndarray,
    own_y: np.ndarray,
    x_limit: float,
    y_limit: float,
    most: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The front of all sums of a point of a front and a candidate of a layer.

    The sums are looked through in windows of ascending x. A sum whose y is not below the least y so far is dominated;
    as a front's y falls, all such sums of one candidate lie before a place that bisection finds, and are never formed.
    A window's width follows the number of sums found in it. So the time goes with the points that are found rather
    than with the pairs there are.

    Args:
        front_x: x of the front so far, rising strictly, shape (points,).
        front_y: its y, falling strictly.
        own_x: x of the candidates, rising strictly, shape (candidates,).
        own_y: their y, falling strictly.
        x_limit: the greatest sum of x allowed.
        y_limit: the greatest sum of y allowed.
        most: the search ends early once the front has more points.

    Returns:
        x and y of the front, and for each point the indices of the point and of the candidate that it sums.
    """
    points, own = len(front_x), len(own_x)
    # places[j]: the first point of the front that candidate j has not been added to yet. All arrays hold sums side by
    # side: x, y, the point and the candidate; found_* those of the current window, out_* the front that is made.
    places = np.zeros(own, np.int64)
    found_x, found_y = np.empty(FIRST_ROOM), np.empty(FIRST_ROOM)
    found_from, found_own = np.empty(FIRST_ROOM, np.int64), np.empty(FIRST_ROOM, np.int64)
    room = points + FIRST_ROOM
    out_x, out_y, out_from, out_own = np.empty(room), np.empty(room), np.empty(room, np.int32), np.empty(room, np.int16)
    count = 0
    # A sum is on the front if its y is below the least so far, which begins just above the limit.
    least = np.nextafter(y_limit, np.inf)
    # The first window is 64 times as wide as the mean distance of the values of both.
    width = 64 * (front_x[-1] - front_x[0] + own_x[-1] - own_x[0]) / (points + own)
    while count <= most:
        # 1. Every candidate skips the points with which its sums are dominated by what is found; the next window
        # begins at the least x that is left.
        start = _next_start(places, front_x, front_y, own_x, own_y, least)
        if start > x_limit or start == np.inf:
            break
        # 2. All sums with x in the window, candidate by candidate.
        found = 0
        for j in range(own):
            i = places[j]
            while i < points and front_x[i] + own_x[j] <= start + width:
                if found == len(found_x):
                    found_x, found_y = _grown(found_x, found), _grown(found_y, found)
                    found_from, found_own = _grown(found_from, found), _grown(found_own, found)
                found_x[found], found_y[found] = front_x[i] + own_x[j], front_y[i] + own_y[j]
                found_from[found], found_own[found] = i, j
                found += 1
                i += 1
            places[j] = i
        # 3. Most of the dominated ones go before the rest are sorted by x.
        tried = found
        found = _drop_dominated(found_x, found_y, found_from, found_own, found, start, width)
        order = np.argsort(found_x[:found])
        # 4. In the order of x: of sums of one x the least y, which joins the front if it is below all before.
        i = 0
        while i < found:
            best = order[i]
            while i < found and found_x[order[i]] == found_x[best]:
                if found_y[order[i]] < found_y[best]:
                    best = order[i]
                i += 1
            if found_y[best] < least and found_x[best] <= x_limit:
                least = found_y[best]
                if count == len(out_x):
                    out_x, out_y = _grown(out_x, count), _grown(out_y, count)
                    out_from, out_own = _grown(out_from, count), _grown(out_own, count)
                out_x[count], out_y[count] = found_x[best], least
                out_from[count], out_own[count] = found_from[best], found_own[best]
                count += 1
        # 5. The next window is narrower or wider, so that a few sums for each candidate are found in it.
        if tried > MOST_FOUND * own:
            width *= NARROWER
        elif tried < LEAST_FOUND * own:
            width *= WIDER
    return out_x[:count].copy(), out_y[:count].copy(), out_from[:count].copy(), out_own[:count].copy()


@njit(cache=True)
def _undominated(rows: np.ndarray, most: int) -> np.ndarray:
    """Which rows no other dominates, of equal ones the first; the rows ascend lexicographically.

    Every row is compared with those before it that are efficient in all columns but the first. The search ends early
    once there are more than ``most``.
    """
    keep = np.zeros(len(rows), np.bool_)
    active = np.empty(len(rows), np.int64)
    count = efficient = 0
    for i in range(len(rows)):
        if efficient > most:
            break
        kept = 0
        beaten = False
        for a in range(count):
            other = active[a]
            no_worse = no_better = True
            for j in range(1, rows.shape[1]):
                no_worse = no_worse and rows[other, j] <= rows[i, j]
                no_better = no_better and rows[i, j] <= rows[other, j]
            if no_worse:
                beaten = True
                break
            # The rows to come have no less of the first column: those that this row is no worse than in the others
            # need not be looked at any more.
            if not no_better:
                active[kept] = other
                kept += 1
        if not beaten:
            active[kept] = i
            count = kept + 1
            keep[i] = True
            efficient += 1
    return keep


def merge_capped(
    front: np.ndarray, own: np.ndarray, limits: np.ndarray, slack: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The efficient sums of two objectives and any number of capped figures.

    Args:
        front: partial sums, shape (points, figures), the objectives first.
        own: the candidates' values, shape (candidates, figures).
        limits: greatest sums allowed, shape (figures,).
        slack: sums of the capped figures that no choice in the layers to come can take over their caps, shape
            (figures - 2,); what is less counts as so much, as it makes no difference.
        most: the search ends early once there are more sums.

    Returns:
        The sums, and for each one the indices of the point and of the candidate.
    """
    sums = (front[:, None, :] + own[None, :, :]).reshape(-1, front.shape[1])
    place = np.flatnonzero((sums <= limits).all(axis=1))
    sums = sums[place]
    sums[:, 2:] = np.maximum(sums[:, 2:], slack)
    order = np.lexsort(sums.T[::-1])
    order = order[_undominated(sums[order], most)]
    source, taken = np.divmod(place[order], len(own))
    return sums[order], source, taken
