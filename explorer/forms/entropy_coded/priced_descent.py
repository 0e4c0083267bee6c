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
    codes = np.zeros_like(targets)
    groups, rows, columns = targets.shape
    full = feedback.shape[2] > 1
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
