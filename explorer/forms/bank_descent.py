"""Banks of low-dimensional filters in a metric: choices and bank values by coordinate descent; compiled loops.

Segment j of filter i is x_ij = sum_l A_ijl * B_l, and the error of a layer is sum_i e_i^T C e_i, e_i = w_i - x_i. With
the gradient r_i = C e_i at hand, every step here finds the exact best for all else and keeps r up to date, so that none
raises the error:

- `choose`: one filter of the bank for a segment, with its scale: putting v in the place of x_ij changes the error by
  v^T C_jj v - 2 v^T h + const, h = r_ij + C_jj x_ij, so that of v = a*B_l the one of greatest
  2a<B_l,h> - a^2<B_l,C_jj B_l> is taken;
- `update`: a value of the bank, which all filters that use it share: with its gradient p = sum A_ijl r_ij and its
  curvature q, its best level is the nearest to B + p/q.

The first pass over the segments of a filter is made by error feedback, as in `explorer.forms.scalar_descent` with a
segment in the place of a column.

Legend: g groups, r filters of a group, S segments, D values of a filter and L = D/S of a segment, k filters of a bank.
"""

import numpy as np
from numba import njit

__all__ = ["choose", "feed_back", "update"]

FIXED, FREE = 0, 1
"""The scale of a segment: given, or chosen along with its filter."""


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
    spread = np.empty((segments, filters, length))
    energy = np.empty((segments, filters))
    for g in range(groups):
        for j in range(segments):
            first = j * length
            for t in range(filters):
                energy[j, t] = 0.0
                for d in range(length):
                    if full:
                        total = 0.0
                        for e in range(length):
                            total += cells[g, first + d, first + e] * bank[g, t, e]
                    else:
                        total = cells[g, first + d, 0] * bank[g, t, d]
                    spread[j, t, d] = total
                    energy[j, t] += total * bank[g, t, d]
        for i in range(rows):
            for _ in range(sweeps):
                changed = False
                for j in range(segments):
                    first, old = j * length, selection[g, i, j]
                    scale = scales[g, i, j]
                    pull = gradient[g, i, first : first + length] + scale * spread[j, old]
                    best, factor, gain = _best_choice(pull, bank[g], energy[j], scale, mode)
                    along = 0.0
                    for d in range(length):
                        along += bank[g, old, d] * pull[d]
                    before = scale * (2 * along - scale * energy[j, old])
                    if gain <= before + 1e-10 * abs(before):
                        continue
                    changed = changed or best != old
                    for d in range(length):
                        move = factor * bank[g, best, d] - scale * bank[g, old, d]
                        if move == 0.0:
                            continue
                        if full:
                            row, column = gradient[g, i], cells[g, first + d]
                            for c in range(columns):
                                row[c] -= move * column[c]
                        else:
                            gradient[g, i, first + d] -= move * cells[g, first + d, 0]
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
        for i in range(rows):
            left = targets[g, i].copy()
            for j in range(segments):
                first = j * length
                pull = blocks[g, j] @ left[first : first + length]
                best, factor, _ = _best_choice(pull, bank[g], energy[j], scales[g, i, j], mode)
                selection[g, i, j], scales[g, i, j] = best, factor
                for d in range(length):
                    missed = left[first + d] - factor * bank[g, best, d]
                    rest, shares = left[first + length :], onward[g, first + d, first + length :]
                    for c in range(len(rest)):
                        rest[c] -= missed * shares[c]


@njit(cache=True, nogil=True)
def update(
    gradient: np.ndarray,
    cells: np.ndarray,
    bank: np.ndarray,
    steps: np.ndarray,
    starts: np.ndarray,
    places: np.ndarray,
    factors: np.ndarray,
    levels: tuple[float, float, float],
    sweeps: int,
) -> None:
    """Sweeps over the values of every filter of the banks; gradient and bank are changed.

    Args:
        gradient: r, (g, r, D).
        cells: as in `choose`.
        bank: codes, (b, k, L): a bank for each group, or one for all.
        steps: by which a filter's codes are multiplied, (b, k).
        starts: where the uses of each filter begin, and where the last ones end, (b*k + 1,).
        places: group, filter and segment of each use, (uses, 3), the uses of one filter in order of the first two.
        factors: A at these places, (uses,).
        levels: (low, high, step) of the codes; a step of 0 stands for all numbers.
        sweeps: at most.
    """
    low, high, step = levels
    columns = gradient.shape[2]
    filters, length = bank.shape[1], bank.shape[2]
    full = cells.shape[2] > 1
    for _ in range(sweeps):
        changed = False
        for number in range(bank.shape[0] * filters):
            b, t = number // filters, number % filters
            size, first, last = steps[b, t], starts[number], starts[number + 1]
            if size <= 0 or first == last:
                continue
            for d in range(length):
                pull, curvature = 0.0, 0.0
                for use in range(first, last):
                    g, i, j = places[use]
                    own = j * length + d
                    pull += factors[use] * gradient[g, i, own]
                    if not full:
                        curvature += factors[use] ** 2 * cells[g, own, 0]
                        continue
                    other = use
                    curvature += factors[use] ** 2 * cells[g, own, own]
                    while other > first and places[other - 1, 1] == i and places[other - 1, 0] == g:
                        other -= 1
                        both = factors[use] * factors[other]
                        curvature += 2 * both * cells[g, own, places[other, 2] * length + d]
                pull, curvature = size * pull, size * size * curvature
                if curvature <= 0:
                    continue
                best = bank[b, t, d] + pull / curvature
                if step != 0:
                    best = min(max(np.rint((best - low) / step) * step + low, low), high)
                move = best - bank[b, t, d]
                if move * (2 * pull - move * curvature) <= 1e-9 * move * move * curvature:
                    continue
                changed = True
                bank[b, t, d] = best
                for use in range(first, last):
                    g, i, j = places[use]
                    own, change = j * length + d, move * size * factors[use]
                    if full:
                        row, column = gradient[g, i], cells[g, own]
                        for c in range(columns):
                            row[c] -= change * column[c]
                    else:
                        gradient[g, i, own] -= change * cells[g, own, 0]
        if not changed:
            break
