"""Codes of the first factor of a layer of low rank, by coordinate descent in a metric; compiled loops.

With U fixed the error of W - U V is quadratic in V, its second derivatives (U^T U)_kl C_de. A value of V is set to the
best level for all others, filter by filter; within a filter its own gradient follows every change, and those of the
other filters follow when it is done. No step can raise the error.
"""

import numpy as np
from numba import njit

from explorer.forms.scalar_descent import _level

__all__ = ["descend_basis"]


@njit(cache=True, nogil=True)
def descend_basis(
    pulls: np.ndarray,
    products: np.ndarray,
    cells: np.ndarray,
    codes: np.ndarray,
    steps: np.ndarray,
    levels: tuple[float, float, float],
    sweeps: int,
) -> None:
    """Sweeps over codes, which are changed, and so are the pulls.

    Args:
        pulls: U^T (W - U V) C, (g, r, D).
        products: U^T U, (g, r, r).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        codes: (g, r, D).
        steps: (g, r), of the codes; filters of step 0 stay as they are.
        levels: (low, high, step).
        sweeps: at most.
    """
    low, high, step = levels
    groups, filters, columns = codes.shape
    full = cells.shape[2] > 1
    moved = np.zeros(columns)
    for g in range(groups):
        for _ in range(sweeps):
            changed = False
            for k in range(filters):
                size, scale = products[g, k, k], steps[g, k]
                if size <= 0 or scale <= 0:
                    continue
                own_changed = False
                for d in range(columns):
                    moved[d] = 0.0
                    own = size * (cells[g, d, d] if full else cells[g, d, 0])
                    if own <= 0:
                        continue
                    best = _level(codes[g, k, d] + pulls[g, k, d] / (own * scale), low, high, step)
                    move = scale * (best - codes[g, k, d])
                    if move * (2 * pulls[g, k, d] - move * own) <= 1e-12 * move * move * own:
                        continue
                    codes[g, k, d] = best
                    moved[d] = move
                    own_changed = True
                    if full:
                        row, column = pulls[g, k], cells[g, d]
                        for e in range(columns):
                            row[e] -= move * size * column[e]
                    else:
                        pulls[g, k, d] -= move * own
                if not own_changed:
                    continue
                changed = True
                spread = np.zeros(columns)
                for d in range(columns):
                    if full and moved[d] != 0:
                        column = cells[g, d]
                        for e in range(columns):
                            spread[e] += moved[d] * column[e]
                    elif moved[d] != 0:
                        spread[d] = moved[d] * cells[g, d, 0]
                for other in range(filters):
                    if other != k:
                        row, share = pulls[g, other], products[g, k, other]
                        for e in range(columns):
                            row[e] -= share * spread[e]
            if not changed:
                break
