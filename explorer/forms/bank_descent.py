"""Banks of low-dimensional filters in a metric: choices of filters by coordinate descent; compiled loops.

Segment j of filter i is x_ij = sum_l A_ijl * B_l, and the error of a layer is sum_i e_i^T C e_i, e_i = w_i - x_i. With
the gradient r_i = C e_i at hand, every step here finds the exact best for all else and keeps r up to date, so that none
raises the error:

- `choose`: one filter of the bank for a segment, with its scale: putting v in the place of x_ij changes the error by
  v^T C_jj v - 2 v^T h + const, h = r_ij + C_jj x_ij, so that of v = a*B_l the one of greatest
  2a<B_l,h> - a^2<B_l,C_jj B_l> is taken;
- `explorer.forms.bank_update.update`: a value of the bank, which all filters that use it share.

The first pass over the segments of a filter is made by error feedback, as in `explorer.forms.scalar_descent` with a
segment in the place of a column.

Legend: g groups, r filters of a group, S segments, D values of a filter and L = D/S of a segment, k filters of a bank.
"""

import numpy as np
from numba import njit

__all__ = ["choose", "feed_back"]

FIXED, FREE = 0, 1
"""The scale of a segment: given, or chosen along with its filter."""

LEAST_REACH, MOST_REACH = 16, 1 << 23
"""Values of a segment from which on, and values, 64 MiB, up to which it is computed beforehand what each filter of a
bank does to the gradient from each segment."""


@njit(cache=True, nogil=True)
def _best_choice(
    pull: np.ndarray, bank: np.ndarray, energy: np.ndarray, scale: float, mode: int
) -> tuple[int, float, float]:
    """The filter of greatest gain for a segment with the products h, its scale and the gain."""
    best, factor, most = 0, 0.0, -np.inf
    for t in range(bank.shape[0]):
        along = 0.0
        for d in range(bank.shape[1]):
            along += bank[t, d] * pull[d]
        if energy[t] <= 0:
            continue
        a = along / energy[t] if mode == FREE else scale
        gain = a * (2 * along - a * energy[t])
        if gain > most:
            best, factor, most = t, a, gain
    return best, factor, most


@njit(cache=True, nogil=True)
def _reach(cells: np.ndarray, bank: np.ndarray, segments: int) -> np.ndarray:
    """By how much each filter of the bank in each segment changes the gradient everywhere, (S, k, D)."""
    filters, length = bank.shape
    reach = np.empty((segments, filters, cells.shape[1]))
    for j in range(segments):
        reach[j] = np.dot(bank, cells[j * length : (j + 1) * length])
    return reach


@njit(cache=True, nogil=True)
def _spread(cells: np.ndarray, bank: np.ndarray, reach: np.ndarray, spread: np.ndarray, energy: np.ndarray) -> None:
    """Fills in the bank times the metric of each segment, (S, k, L), and its energy there, (S, k)."""
    segments, filters, length = spread.shape
    full = cells.shape[1] > 1
    for j in range(segments):
        first = j * length
        for t in range(filters):
            energy[j, t] = 0.0
            for d in range(length):
                if len(reach):
                    total = reach[j, t, first + d]
                elif full:
                    total = 0.0
                    for e in range(length):
                        total += cells[first + d, first + e] * bank[t, e]
                else:
                    total = cells[first + d, 0] * bank[t, d]
                spread[j, t, d] = total
                energy[j, t] += total * bank[t, d]


@njit(cache=True, nogil=True)
def _move_segment(row: np.ndarray, cells: np.ndarray, moves: np.ndarray, first: int) -> None:
    """Brings the gradient of a filter, (D,), up to date with the moves of the values of a segment, (L,)."""
    full = cells.shape[1] > 1
    for d in range(len(moves)):
        if moves[d] == 0.0:
            continue
        if full:
            column = cells[first + d]
            for c in range(len(row)):
                row[c] -= moves[d] * column[c]
        else:
            row[first + d] -= moves[d] * cells[first + d, 0]


@njit(cache=True, nogil=True)
def choose(
    gradient: np.ndarray,
    cells: np.ndarray,
    bank: np.ndarray,
    segments: int,
    selection: np.ndarray,
    scales: np.ndarray,
    mode: int,
    sweeps: int,
) -> None:
    """Sweeps over the segments of every filter; gradient, selection and scales are changed.

    Args:
        gradient: r, (g, r, D).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        bank: (g, k, L).
        segments: S.
        selection: (g, r, S) integers.
        scales: (g, r, S).
        mode: `FIXED` or `FREE`.
        sweeps: at most.
    """
    groups, rows, columns = gradient.shape
    filters, length = bank.shape[1], bank.shape[2]
    full = cells.shape[2] > 1
    reaches = full and length >= LEAST_REACH and segments * filters * columns <= MOST_REACH
    spread, energy = np.empty((segments, filters, length)), np.empty((segments, filters))
    for g in range(groups):
        reach = _reach(cells[g], bank[g], segments if reaches else 0)
        _spread(cells[g], bank[g], reach, spread, energy)
        for i in range(rows):
            row = gradient[g, i]
            for _ in range(sweeps):
                changed = False
                for j in range(segments):
                    first, old = j * length, selection[g, i, j]
                    scale = scales[g, i, j]
                    pull = row[first : first + length] + scale * spread[j, old]
                    best, factor, gain = _best_choice(pull, bank[g], energy[j], scale, mode)
                    along = 0.0
                    for d in range(length):
                        along += bank[g, old, d] * pull[d]
                    before = scale * (2 * along - scale * energy[j, old])
                    if gain <= before + 1e-10 * abs(before):
                        continue
                    changed = changed or best != old
                    if reaches:
                        for c in range(columns):
                            row[c] -= factor * reach[j, best, c] - scale * reach[j, old, c]
                    else:
                        _move_segment(row, cells[g], factor * bank[g, best] - scale * bank[g, old], first)
                    selection[g, i, j], scales[g, i, j] = best, factor
                if not changed:
                    break


@njit(cache=True, nogil=True)
def feed_back(
    targets: np.ndarray,
    blocks: np.ndarray,
    onward: np.ndarray,
    bank: np.ndarray,
    segments: int,
    selection: np.ndarray,
    scales: np.ndarray,
    mode: int,
) -> None:
    """Selection and scales, which are changed, by error feedback over the segments.

    Args:
        targets: w, (g, r, D).
        blocks: the metric of a segment when those after it make up for its error, (g, S, L, L).
        onward: by how much an error of a segment changes what is wanted after it, (g, D, D): row d of it for an error
            in column d; its columns up to the end of the segment are not read.
        bank: (g, k, L).
        segments: S.
        selection: (g, r, S) integers.
        scales: (g, r, S).
        mode: `FIXED` or `FREE`.
    """
    groups, rows, _ = targets.shape
    filters, length = bank.shape[1], bank.shape[2]
    energy = np.empty((segments, filters))
    for g in range(groups):
        for j in range(segments):
            for t in range(filters):
                energy[j, t] = bank[g, t] @ (blocks[g, j] @ bank[g, t])
        left = targets[g].copy()
        for j in range(segments):
            first, last = j * length, (j + 1) * length
            missed = np.empty((rows, length))
            for i in range(rows):
                pull = blocks[g, j] @ left[i, first:last]
                best, factor, _ = _best_choice(pull, bank[g], energy[j], scales[g, i, j], mode)
                selection[g, i, j], scales[g, i, j] = best, factor
                missed[i] = left[i, first:last] - factor * bank[g, best]
            if last < left.shape[1]:
                passed = np.dot(missed, onward[g, first:last, last:].copy())
                for i in range(rows):
                    rest, shares = left[i, last:], passed[i]
                    for c in range(len(rest)):
                        rest[c] -= shares[c]
