"""Exchanges of places within groups that keep as many each, in a metric; compiled loops.

As `explorer.forms.scalar_descent.exchange`, which swaps any two places of a filter; here both are of one group.
"""

import numpy as np
from numba import njit

from explorer.forms.scalar_descent import _level

__all__ = ["exchange_in_groups"]


@njit(cache=True, nogil=True)
def exchange_in_groups(
    gradient: np.ndarray,
    cells: np.ndarray,
    scales: np.ndarray,
    codes: np.ndarray,
    kept: np.ndarray,
    levels: tuple[float, float, float],
    members: np.ndarray,
    sweeps: int,
) -> None:
    """Swaps a place kept for one that is not, group by group, as long as this lowers the error; gradient, codes and
    kept are changed.

    Args:
        gradient: C e, (g, r, D).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 stay as they are.
        codes: (g, r, D), 0 where not kept.
        kept: (g, r, D) of bool.
        levels: (low, high, step).
        members: (groups, M), the places of each group.
        sweeps: over all groups of a row, at most.
    """
    low, high, step = levels
    layer_groups, rows, columns = codes.shape
    full = cells.shape[2] > 1
    for g in range(layer_groups):
        for i in range(rows):
            scale = scales[g, i]
            if scale <= 0:
                continue
            for _ in range(sweeps):
                changed = False
                for group in members:
                    best_out, best_in, most, value = -1, -1, 0.0, 0.0
                    for j in group:
                        if not kept[g, i, j]:
                            continue
                        out = scale * codes[g, i, j]
                        own = cells[g, j, j] if full else cells[g, j, 0]
                        cost = out * (2 * gradient[g, i, j] + out * own)
                        for k in group:
                            other = cells[g, k, k] if full else cells[g, k, 0]
                            if kept[g, i, k] or other <= 0:
                                continue
                            pull = gradient[g, i, k] + (out * cells[g, j, k] if full else 0.0)
                            code = _level(pull / (other * scale), low, high, step)
                            move = scale * code
                            gain = move * (2 * pull - move * other) - cost
                            if gain > most + 1e-9 * abs(cost) + 1e-15:
                                best_out, best_in, most, value = j, k, gain, code
                    if best_in < 0:
                        continue
                    changed = True
                    out, move = scale * codes[g, i, best_out], scale * value
                    kept[g, i, best_out], kept[g, i, best_in] = False, True
                    codes[g, i, best_out], codes[g, i, best_in] = 0.0, value
                    if full:
                        row, freed, taken = gradient[g, i], cells[g, best_out], cells[g, best_in]
                        for k in range(columns):
                            row[k] += out * freed[k] - move * taken[k]
                    else:
                        gradient[g, i, best_out] += out * cells[g, best_out, 0]
                        gradient[g, i, best_in] -= move * cells[g, best_in, 0]
                if not changed:
                    break
