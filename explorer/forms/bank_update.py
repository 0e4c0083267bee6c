"""Banks of low-dimensional filters in a metric: the values of a bank by coordinate descent; compiled loops.

A value of the bank is shared by all filters of the layer that use it: with its gradient p = sum A_ijl r_ij and its
curvature q (legend of `explorer.forms.bank_descent`), its best level is the nearest to B + p/q, and no step raises the
error. The values of a filter follow one another; how the gradient is kept up to date in between depends on what is
cheap: one use after the other, or, of filters with many uses, at the end.
"""

import numpy as np
from numba import njit

__all__ = ["update"]


@njit(cache=True, nogil=True)
def _moved(value: float, pull: float, curvature: float, levels: tuple[float, float, float]) -> float:
    """By how much a value is moved, to its best level; 0 where that gains nothing."""
    low, high, step = levels
    if curvature <= 0:
        return 0.0
    best = value + pull / curvature
    if step != 0:
        best = min(max(np.rint((best - low) / step) * step + low, low), high)
    move: float = best - value
    return move if move * (2 * pull - move * curvature) > 1e-9 * move * move * curvature else 0.0


@njit(cache=True, nogil=True)
def _update_apart(
    gradient: np.ndarray,
    cells: np.ndarray,
    values: np.ndarray,
    size: float,
    places: np.ndarray,
    factors: np.ndarray,
    levels: tuple[float, float, float],
) -> bool:
    """`_update_one_by_one` under a diagonal metric, in which no value of a filter changes what is best for another."""
    length = len(values)
    pulls, curvatures, moves = np.zeros(length), np.zeros(length), np.zeros(length)
    for use in range(len(places)):
        g, i, j = places[use]
        for d in range(length):
            own = j * length + d
            pulls[d] += factors[use] * gradient[g, i, own]
            curvatures[d] += factors[use] ** 2 * cells[g, own, 0]
    for d in range(length):
        move = _moved(values[d], size * pulls[d], size * size * curvatures[d], levels)
        values[d] += move
        moves[d] = size * move
    if not moves.any():
        return False
    for use in range(len(places)):
        g, i, j = places[use]
        for d in range(length):
            own = j * length + d
            gradient[g, i, own] -= factors[use] * moves[d] * cells[g, own, 0]
    return True


@njit(cache=True, nogil=True)
def _update_one_by_one(
    gradient: np.ndarray,
    cells: np.ndarray,
    values: np.ndarray,
    size: float,
    places: np.ndarray,
    factors: np.ndarray,
    levels: tuple[float, float, float],
) -> bool:
    """One sweep over the values of a filter under a full metric, the gradient kept up to date after each; whether any
    moved."""
    length, columns = len(values), gradient.shape[2]
    changed = False
    for d in range(length):
        pull, curvature = 0.0, 0.0
        for use in range(len(places)):
            g, i, j = places[use]
            own = j * length + d
            pull += factors[use] * gradient[g, i, own]
            other = use
            curvature += factors[use] ** 2 * cells[g, own, own]
            while other > 0 and places[other - 1, 1] == i and places[other - 1, 0] == g:
                other -= 1
                both = factors[use] * factors[other]
                curvature += 2 * both * cells[g, own, places[other, 2] * length + d]
        move = _moved(values[d], size * pull, size * size * curvature, levels)
        if move == 0.0:
            continue
        changed = True
        values[d] += move
        for use in range(len(places)):
            g, i, j = places[use]
            change = move * size * factors[use]
            row, column = gradient[g, i], cells[g, j * length + d]
            for c in range(columns):
                row[c] -= change * column[c]
    return changed


@njit(cache=True, nogil=True)
def _products_of_uses(places: np.ndarray, factors: np.ndarray, begin: int, covered: int, segments: int) -> np.ndarray:
    """Of a filter, the sums over rows of A_ij * A_ij' for its segments j and j', (groups, S, S)."""
    products = np.zeros((covered, segments, segments))
    for use in range(len(places)):
        g, i, j = places[use]
        products[g - begin, j, j] += factors[use] ** 2
        other = use
        while other > 0 and places[other - 1, 1] == i and places[other - 1, 0] == g:
            other -= 1
            both, before = factors[use] * factors[other], places[other, 2]
            products[g - begin, j, before] += both
            products[g - begin, before, j] += both
    return products


@njit(cache=True, nogil=True)
def _update_together(
    gradient: np.ndarray,
    cells: np.ndarray,
    values: np.ndarray,
    size: float,
    places: np.ndarray,
    factors: np.ndarray,
    begin: int,
    covered: int,
    levels: tuple[float, float, float],
) -> bool:
    """`_update_one_by_one` of a filter of many uses: what the moves of its values do to one another is known from the
    products of its uses, and the gradient follows at the end, so that a move costs S*D and not D times the uses.

    Args:
        gradient: as in `update`.
        cells: as in `update`, full.
        values: of the filter, which are changed, (L,).
        size: by which they are multiplied.
        places: of its uses.
        factors: of its uses.
        begin: the first group that may use it.
        covered: how many may.
        levels: as in `update`.
    """
    length, columns = len(values), gradient.shape[2]
    segments = columns // length
    products = _products_of_uses(places, factors, begin, covered, segments)
    pulls, moves = np.zeros(length), np.zeros(length)
    for use in range(len(places)):
        g, i, j = places[use]
        for d in range(length):
            pulls[d] += size * factors[use] * gradient[g, i, j * length + d]
    for d in range(length):
        curvature = 0.0
        for g in range(covered):
            for j in range(segments):
                for k in range(segments):
                    curvature += products[g, j, k] * cells[begin + g, j * length + d, k * length + d]
        move = _moved(values[d], pulls[d], size * size * curvature, levels)
        if move == 0.0:
            continue
        values[d] += move
        moves[d] = size * move
        for g in range(covered):
            for j in range(segments):
                for k in range(segments):
                    change = size * moves[d] * products[g, j, k]
                    column = cells[begin + g, j * length + d, k * length : (k + 1) * length]
                    for e in range(d + 1, length):
                        pulls[e] -= change * column[e]
    if not moves.any():
        return False
    _follow(gradient, cells, moves, places, factors, begin, covered)
    return True


@njit(cache=True, nogil=True)
def _follow(
    gradient: np.ndarray,
    cells: np.ndarray,
    moves: np.ndarray,
    places: np.ndarray,
    factors: np.ndarray,
    begin: int,
    covered: int,
) -> None:
    """Brings the gradient up to date with the moves of a filter's values, (L,)."""
    length, columns = len(moves), gradient.shape[2]
    reach = np.zeros((covered, columns // length, columns))
    for g in range(covered):
        for j in range(columns // length):
            row = reach[g, j]
            for d in range(length):
                if moves[d] != 0.0:
                    column = cells[begin + g, j * length + d]
                    for c in range(columns):
                        row[c] += moves[d] * column[c]
    for use in range(len(places)):
        g, i, j = places[use]
        row, along = gradient[g, i], reach[g - begin, j]
        for c in range(columns):
            row[c] -= factors[use] * along[c]


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
    filters, length = bank.shape[1], bank.shape[2]
    segments = gradient.shape[2] // length
    covered = len(cells) // bank.shape[0]
    for _ in range(sweeps):
        changed = False
        for number in range(bank.shape[0] * filters):
            b, t = number // filters, number % filters
            size, first, last = steps[b, t], starts[number], starts[number + 1]
            if size <= 0 or first == last:
                continue
            own = places[first:last], factors[first:last]
            if cells.shape[2] == 1:
                moved = _update_apart(gradient, cells, bank[b, t], size, *own, levels)
            elif 2 * covered * segments <= last - first:
                moved = _update_together(gradient, cells, bank[b, t], size, *own, b * covered, covered, levels)
            else:
                moved = _update_one_by_one(gradient, cells, bank[b, t], size, *own, levels)
            changed = changed or moved
        if not changed:
            break
