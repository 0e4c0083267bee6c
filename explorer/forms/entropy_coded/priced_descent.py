"""Codes that cost bits, in a metric: error feedback, then coordinate descent; compiled loops.

As `explorer.forms.scalar_descent`, except that a code is the level of least error plus price of its bits. In error
feedback an error e at column k costs (e / U_kk)^2 once the later columns have made up for it as well as they can, were
they free; in coordinate descent it costs C_kk e^2.
"""

import numpy as np
from numba import njit

__all__ = ["descend", "feed_back"]


@njit(cache=True, nogil=True)
def _level(value: float, levels: np.ndarray, costs: np.ndarray) -> float:
    """The level of least squared distance plus costs."""
    best, least = 0.0, np.inf
    for place in range(len(levels)):
        cost = (value - levels[place]) ** 2 + costs[place]
        if cost < least:
            best, least = levels[place], cost
    return best


BLOCKED, BLOCK = 1100, 64
"""As in `explorer.forms.scalar_descent`, whose helper stands here again: a compiled loop that is kept on disk does not
notice that another file has changed."""


@njit(cache=True, nogil=True)
def _subtract_moves(rows: np.ndarray, moves: np.ndarray, cells: np.ndarray, moved: np.ndarray) -> None:
    """rows -= moves * cells, for the rows that moved; (r, D), (r, B), (B, D) and (r,) of bool."""
    places = np.flatnonzero(moved)
    if len(places) == 0:
        return
    changes = np.dot(moves[places], cells)
    for a in range(len(places)):
        row, change = rows[places[a]], changes[a]
        for k in range(len(row)):
            row[k] -= change[k]


@njit(cache=True, nogil=True)
def _feed_back_blocks(
    targets: np.ndarray, feedback: np.ndarray, scales: np.ndarray, levels: np.ndarray, costs: np.ndarray
) -> np.ndarray:
    """`feed_back` in blocks, for a full metric."""
    codes = np.zeros_like(targets)
    groups, rows, columns = targets.shape
    for g in range(groups):
        left, with_scale = targets[g].copy(), scales[g] > 0
        for first in range(0, columns, BLOCK):
            last = min(first + BLOCK, columns)
            missed = np.zeros((rows, last - first))
            for i in range(rows):
                if not with_scale[i]:
                    continue
                scale = scales[g, i]
                for j in range(first, last):
                    own = feedback[g, j, j]
                    codes[g, i, j] = _level(left[i, j] / scale, levels, costs * (own / scale) ** 2)
                    error = (left[i, j] - scale * codes[g, i, j]) / own
                    missed[i, j - first] = error
                    for k in range(j + 1, last):
                        left[i, k] -= error * feedback[g, j, k]
            if last < columns:
                onward = left[:, last:].copy()
                _subtract_moves(onward, missed, feedback[g, first:last, last:].copy(), with_scale)
                left[:, last:] = onward
    return codes


@njit(cache=True, nogil=True)
def feed_back(
    targets: np.ndarray, feedback: np.ndarray, scales: np.ndarray, levels: np.ndarray, costs: np.ndarray
) -> np.ndarray:
    """Codes (g, r, D) by error feedback.

    Args:
        targets: w, (g, r, D).
        feedback: U, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 get codes of 0.
        levels: those that have a code, ascending.
        costs: price times bits of each.
    """
    groups, rows, columns = targets.shape
    full = feedback.shape[2] > 1
    if full and columns >= BLOCKED:
        return _feed_back_blocks(targets, feedback, scales, levels, costs)
    codes = np.zeros_like(targets)
    for g in range(groups):
        for i in range(rows):
            scale = scales[g, i]
            if scale <= 0:
                continue
            left = targets[g, i].copy()
            for j in range(columns):
                own = feedback[g, j, j] if full else feedback[g, j, 0]
                codes[g, i, j] = _level(left[j] / scale, levels, costs * (own / scale) ** 2)
                if full:
                    missed = (left[j] - scale * codes[g, i, j]) / own
                    rest, shares = left[j + 1 :], feedback[g, j, j + 1 :]
                    for k in range(len(rest)):
                        rest[k] -= missed * shares[k]
    return codes


@njit(cache=True, nogil=True)
def _descend_blocks(
    gradient: np.ndarray,
    cells: np.ndarray,
    scales: np.ndarray,
    codes: np.ndarray,
    levels: np.ndarray,
    costs: np.ndarray,
    sweeps: int,
) -> None:
    """`descend` in blocks, for a full metric."""
    groups, rows, columns = codes.shape
    for g in range(groups):
        goes_on = scales[g] > 0
        for _ in range(sweeps):
            changed = np.zeros(rows, np.bool_)
            for first in range(0, columns, BLOCK):
                last = min(first + BLOCK, columns)
                moves, moved = np.zeros((rows, last - first)), np.zeros(rows, np.bool_)
                for i in range(rows):
                    if not goes_on[i]:
                        continue
                    local, scale = gradient[g, i, first:last].copy(), scales[g, i]
                    for j in range(first, last):
                        own = cells[g, j, j]
                        if own <= 0:
                            continue
                        target = codes[g, i, j] + local[j - first] / (own * scale)
                        best = _level(target, levels, costs / (own * scale**2))
                        if best == codes[g, i, j]:
                            continue
                        move = scale * (best - codes[g, i, j])
                        codes[g, i, j], moves[i, j - first], moved[i] = best, move, True
                        for k in range(first, last):
                            local[k - first] -= move * cells[g, j, k]
                _subtract_moves(gradient[g], moves, cells[g, first:last], moved)
                changed |= moved
            goes_on = changed
            if not goes_on.any():
                break


@njit(cache=True, nogil=True)
def descend(
    gradient: np.ndarray,
    cells: np.ndarray,
    scales: np.ndarray,
    codes: np.ndarray,
    levels: np.ndarray,
    costs: np.ndarray,
    sweeps: int,
) -> None:
    """Sweeps of coordinate descent over codes (g, r, D), which are changed; so is the gradient C e.

    Args:
        gradient: (g, r, D).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 stay as they are.
        codes: (g, r, D).
        levels: as in `feed_back`.
        costs: as in `feed_back`.
        sweeps: at most.
    """
    groups, rows, columns = codes.shape
    full = cells.shape[2] > 1
    if full and columns >= BLOCKED:
        _descend_blocks(gradient, cells, scales, codes, levels, costs, sweeps)
        return
    for g in range(groups):
        for i in range(rows):
            scale = scales[g, i]
            if scale <= 0:
                continue
            for _ in range(sweeps):
                changed = False
                for j in range(columns):
                    own = cells[g, j, j] if full else cells[g, j, 0]
                    if own <= 0:
                        continue
                    target = codes[g, i, j] + gradient[g, i, j] / (own * scale)
                    best = _level(target, levels, costs / (own * scale**2))
                    if best == codes[g, i, j]:
                        continue
                    move = scale * (best - codes[g, i, j])
                    codes[g, i, j] = best
                    changed = True
                    if full:
                        row, column = gradient[g, i], cells[g, j]
                        for k in range(columns):
                            row[k] -= move * column[k]
                    else:
                        gradient[g, i, j] -= move * own
                if not changed:
                    break
