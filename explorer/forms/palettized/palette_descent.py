"""Indices into palettes in a metric: error feedback, then coordinate descent; compiled loops.

As `explorer.forms.scalar_descent`, with the values of a palette in the place of even levels: a filter w is fitted by
s*p[k] so that e^T C e is small, e = w - s*p[k]. Arrays are C-contiguous; a diagonal metric is (g, D, 1).
"""

import numpy as np
from numba import njit

__all__ = ["descend", "feed_back"]


@njit(cache=True, nogil=True)
def _nearest(value: float, palette: np.ndarray) -> int:
    best = 0
    for k in range(1, len(palette)):
        if abs(palette[k] - value) < abs(palette[best] - value):
            best = k
    return best


@njit(cache=True, nogil=True)
def feed_back(
    targets: np.ndarray, feedback: np.ndarray, scales: np.ndarray, palettes: np.ndarray, which: np.ndarray
) -> np.ndarray:
    """Indices by error feedback.

    Args:
        targets: w, (g, r, D).
        feedback: U, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 get indices as of scale 1.
        palettes: (palettes, 2^b).
        which: (g, r) the palette of each filter.
    """
    groups, rows, columns = targets.shape
    index = np.zeros((groups, rows, columns), np.int64)
    full = feedback.shape[2] > 1
    for g in range(groups):
        for i in range(rows):
            scale = scales[g, i] if scales[g, i] > 0 else 1.0
            palette, left = palettes[which[g, i]], targets[g, i].copy()
            for j in range(columns):
                best = _nearest(left[j] / scale, palette)
                index[g, i, j] = best
                if full:
                    missed = (left[j] - scale * palette[best]) / feedback[g, j, j]
                    rest, shares = left[j + 1 :], feedback[g, j, j + 1 :]
                    for k in range(len(rest)):
                        rest[k] -= missed * shares[k]
    return index


@njit(cache=True, nogil=True)
def descend(
    gradient: np.ndarray,
    cells: np.ndarray,
    scales: np.ndarray,
    palettes: np.ndarray,
    which: np.ndarray,
    index: np.ndarray,
    sweeps: int,
) -> None:
    """Sweeps over the indices (g, r, D), which are changed; so is the gradient C e.

    Args:
        gradient: C e, (g, r, D).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        scales: s, (g, r); rows of scale 0 stay as they are.
        palettes: (palettes, 2^b).
        which: (g, r) the palette of each filter.
        index: to start from.
        sweeps: at most.
    """
    groups, rows, columns = gradient.shape
    full = cells.shape[2] > 1
    for g in range(groups):
        for i in range(rows):
            scale, palette = scales[g, i], palettes[which[g, i]]
            if scale <= 0:
                continue
            for _ in range(sweeps):
                changed = False
                for j in range(columns):
                    own, old = cells[g, j, j if full else 0], palette[index[g, i, j]]
                    if own <= 0:
                        continue
                    wanted = old + gradient[g, i, j] / (own * scale)
                    best = _nearest(wanted, palette)
                    if abs(palette[best] - wanted) >= abs(old - wanted) * (1 - 1e-9):
                        continue
                    changed = True
                    move = scale * (palette[best] - old)
                    index[g, i, j] = best
                    if full:
                        row, column = gradient[g, i], cells[g, j]
                        for k in range(columns):
                            row[k] -= move * column[k]
                    else:
                        gradient[g, i, j] -= move * own
                if not changed:
                    break
