"""Codes of single weights in a metric: error feedback, then coordinate descent; compiled loops.

A filter w is fitted by s*q, q of codes on a grid of levels, so that e^T C e is small, e = w - s*q:

- error feedback (`feed_back`): the codes are chosen column by column, each as the nearest level; what it misses by is
  passed to the columns after it as these would best make up for it, were they free: with C^-1 = U^T U, U upper
  triangular, column k changes by -e_j * U_jk / U_jj (Frantar et al., GPTQ, arXiv 2210.17323);
- coordinate descent (`descend`): each code is set to the best level for all others, until none changes. With the
  gradient r = C e that level is the nearest to q_j + r_j / (C_jj * s). No step can raise the error;
- exchange (`exchange`): where only some codes may be other than zero, the place that helps most is swapped for the one
  that costs least, as long as this lowers the error.

Of filters of `BLOCKED` weights and more, columns are gone through in blocks: within a block a row sees its own changes
at once, and what they do to the columns of other blocks follows for all rows together, as a product of matrices. The
steps are the same, but for the rounding of sums.

Levels are low, low + step, ..., high; a step of 0 stands for all numbers. Arrays are C-contiguous; a diagonal metric is
(g, D, 1).
"""

import numpy as np
from numba import njit

__all__ = ["BLOCKED", "descend", "exchange", "feed_back"]

TOGETHER = 8
"""Rows that go through the columns together, so that a row of the feedback is read from memory once for all of them."""


@njit(cache=True, nogil=True)
def _level(value: float, low: float, high: float, step: float) -> float:
    nearest: float = value
    if step != 0:
        nearest = min(max(np.rint((value - low) / step) * step + low, low), high)
    return nearest


BLOCKED, BLOCK = 1100, 64
"""Weights of a filter from which on columns are gone through in blocks, and of so many."""


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
    targets: np.ndarray, feedback: np.ndarray, scales: np.ndarray, kept: np.ndarray, levels: tuple[float, float, float]
) -> np.ndarray:
    """`feed_back` in blocks, for a full metric."""
    low, high, step = levels
    codes = np.zeros_like(targets)
    groups, rows, columns = targets.shape
    every = np.ones(rows, np.bool_)
    for g in range(groups):
        left = targets[g].copy()
        for first in range(0, columns, BLOCK):
            last = min(first + BLOCK, columns)
            missed = np.zeros((rows, last - first))
            for i in range(rows):
                scale = scales[g, i] if scales[g, i] > 0 else 1.0
                for j in range(first, last):
                    if kept[g, i, j]:
                        codes[g, i, j] = _level(left[i, j] / scale, low, high, step)
                    error = (left[i, j] - scale * codes[g, i, j]) / feedback[g, j, j]
                    missed[i, j - first] = error
                    for k in range(j + 1, last):
                        left[i, k] -= error * feedback[g, j, k]
            if last < columns:
                onward = left[:, last:].copy()
                _subtract_moves(onward, missed, feedback[g, first:last, last:].copy(), every)
                left[:, last:] = onward
    return codes


@njit(cache=True, nogil=True)
def feed_back(
    targets: np.ndarray, feedback: np.ndarray, scales: np.ndarray, kept: np.ndarray, levels: tuple[float, float, float]
) -> np.ndarray:
    """Codes (g, r, D) by error feedback.

    Args:
        targets: w, (g, r, D).
        feedback: U, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 get codes as of scale 1.
        kept: (g, r, D), where codes may stand; elsewhere they are 0.
        levels: (low, high, step).
    """
    low, high, step = levels
    groups, rows, columns = targets.shape
    full = feedback.shape[2] > 1
    if full and columns >= BLOCKED:
        return _feed_back_blocks(targets, feedback, scales, kept, levels)
    codes = np.zeros_like(targets)
    for g in range(groups):
        for first in range(0, rows, TOGETHER):
            left = targets[g, first : first + TOGETHER].copy()
            for j in range(columns):
                for i in range(len(left)):
                    row = first + i
                    scale = scales[g, row] if scales[g, row] > 0 else 1.0
                    if kept[g, row, j]:
                        codes[g, row, j] = _level(left[i, j] / scale, low, high, step)
                    if full:
                        missed = (left[i, j] - scale * codes[g, row, j]) / feedback[g, j, j]
                        rest, shares = left[i, j + 1 :], feedback[g, j, j + 1 :]
                        for k in range(len(rest)):
                            rest[k] -= missed * shares[k]
    return codes


@njit(cache=True, nogil=True)
def _descend_blocks(
    gradient: np.ndarray,
    cells: np.ndarray,
    scales: np.ndarray,
    codes: np.ndarray,
    kept: np.ndarray,
    levels: tuple[float, float, float],
    sweeps: int,
) -> None:
    """`descend` in blocks, for a full metric."""
    low, high, step = levels
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
                        own, pull = cells[g, j, j], local[j - first]
                        if not kept[g, i, j] or own <= 0:
                            continue
                        best = _level(codes[g, i, j] + pull / (own * scale), low, high, step)
                        move = scale * (best - codes[g, i, j])
                        if move * (2 * pull - move * own) <= 1e-12 * move * move * own:
                            continue
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
    kept: np.ndarray,
    levels: tuple[float, float, float],
    sweeps: int,
) -> None:
    """Sweeps of coordinate descent over codes (g, r, D), which are changed; so is the gradient C e.

    Args:
        gradient: (g, r, D).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 stay as they are.
        codes: (g, r, D).
        kept: as in `feed_back`.
        levels: (low, high, step).
        sweeps: at most.
    """
    low, high, step = levels
    groups, rows, columns = codes.shape
    full = cells.shape[2] > 1
    if full and columns >= BLOCKED:
        _descend_blocks(gradient, cells, scales, codes, kept, levels, sweeps)
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
                    if not kept[g, i, j] or own <= 0:
                        continue
                    best = _level(codes[g, i, j] + gradient[g, i, j] / (own * scale), low, high, step)
                    move = scale * (best - codes[g, i, j])
                    if move * (2 * gradient[g, i, j] - move * own) <= 1e-12 * move * move * own:
                        continue
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


@njit(cache=True, nogil=True)
def exchange(
    gradient: np.ndarray,
    cells: np.ndarray,
    scales: np.ndarray,
    codes: np.ndarray,
    kept: np.ndarray,
    levels: tuple[float, float, float],
    swaps: int,
) -> None:
    """Exchanges kept places for better ones, row by row; gradient, codes and kept are changed.

    Args:
        gradient: as in `descend`.
        cells: as in `descend`.
        scales: as in `descend`.
        codes: as in `descend`, 0 where not kept.
        kept: as in `feed_back`.
        levels: as in `feed_back`.
        swaps: of a row, at most.
    """
    low, high, step = levels
    groups, rows, columns = codes.shape
    full = cells.shape[2] > 1
    for g in range(groups):
        for i in range(rows):
            scale = scales[g, i]
            if scale <= 0:
                continue
            for _ in range(swaps):
                cheapest, least = -1, np.inf
                for j in range(columns):
                    if kept[g, i, j]:
                        move = scale * codes[g, i, j]
                        own = cells[g, j, j] if full else cells[g, j, 0]
                        cost = move * (2 * gradient[g, i, j] + move * own)
                        if cost < least:
                            cheapest, least = j, cost
                if cheapest < 0:
                    break
                out = scale * codes[g, i, cheapest]
                best, most, value = -1, least * (1 + 1e-9) + 1e-15, 0.0
                for j in range(columns):
                    own = cells[g, j, j] if full else cells[g, j, 0]
                    if kept[g, i, j] or own <= 0:
                        continue
                    pull = gradient[g, i, j] + (out * cells[g, cheapest, j] if full else 0.0)
                    code = _level(pull / (own * scale), low, high, step)
                    move = scale * code
                    gain = move * (2 * pull - move * own)
                    if gain > most:
                        best, most, value = j, gain, code
                if best < 0:
                    break
                kept[g, i, cheapest], kept[g, i, best] = False, True
                codes[g, i, cheapest], codes[g, i, best] = 0.0, value
                move = scale * value
                if full:
                    row, freed, taken = gradient[g, i], cells[g, cheapest], cells[g, best]
                    for k in range(columns):
                        row[k] += out * freed[k] - move * taken[k]
                else:
                    gradient[g, i, cheapest] += out * cells[g, cheapest, 0]
                    gradient[g, i, best] -= move * cells[g, best, 0]
