"""Kernels in a metric: template, a and b of each, by coordinate descent and by error feedback; compiled loops.

A kernel is x = a*T + b*1. As in `explorer.forms.bank_descent`, putting v in its place changes the error of its filter
by v^T M v - 2 v^T h + const. For each template the best real a follows, is rounded to its levels, then the best b for
it, and is rounded too; of all templates the one of least error is taken.

Legend: g groups, r filters of a group, S kernels of a filter, D = S*L values of a filter, L of a kernel, K templates.
"""

import numpy as np
from numba import njit

__all__ = ["choose", "feed_back"]

LEAST_GAIN = 3e-5
"""Share of what a kernel contributes by which a change has to gain: real coefficients would change in every sweep."""


@njit(cache=True, nogil=True)
def _level(value: float, levels: tuple[float, float, float]) -> float:
    low, high, step = levels
    return value if step == 0 else min(max(np.rint((value - low) / step) * step + low, low), high)


@njit(cache=True, nogil=True)
def _energies(metric: np.ndarray, templates: np.ndarray) -> np.ndarray:
    """For each template T^T M T, T^T M 1, and 1^T M 1."""
    count, length = templates.shape
    found = np.zeros((count, 3))
    for t in range(count):
        for d in range(length):
            for e in range(length):
                found[t, 0] += templates[t, d] * metric[d, e] * templates[t, e]
                found[t, 1] += templates[t, d] * metric[d, e]
                found[t, 2] += metric[d, e]
    return found


@njit(cache=True, nogil=True)
def _best(
    pull: np.ndarray,
    templates: np.ndarray,
    energies: np.ndarray,
    steps: np.ndarray,
    offset: bool,
    levels: tuple[float, float, float],
) -> tuple[int, float, float, float]:
    """(template, code of a, code of b, gain) of least error for the products h."""
    flat = pull.sum() if offset else 0.0
    best, code_a, code_b, most = 0, 0.0, 0.0, -np.inf
    for t in range(len(templates)):
        own, mixed, ones = energies[t]
        along = 0.0
        for d in range(templates.shape[1]):
            along += templates[t, d] * pull[d]
        left, size = along, own
        if offset and ones > 0:
            left, size = along - flat * mixed / ones, own - mixed * mixed / ones
        exact = left / size if size > 1e-12 * own else 0.0
        one = _level(exact / steps[0], levels)
        a = one * steps[0]
        other = _level((flat - a * mixed) / (ones * steps[1]), levels) if offset and ones > 0 else 0.0
        b = other * steps[1]
        gain = 2 * (a * along + b * flat) - (a * a * own + 2 * a * b * mixed + b * b * ones)
        if gain > most:
            best, code_a, code_b, most = t, one, other, gain
    return best, code_a, code_b, most


@njit(cache=True, nogil=True)
def choose(
    gradient: np.ndarray,
    cells: np.ndarray,
    templates: np.ndarray,
    index: np.ndarray,
    codes: np.ndarray,
    steps: np.ndarray,
    offset: bool,
    levels: tuple[float, float, float],
    sweeps: int,
) -> None:
    """Sweeps over the kernels of every filter; gradient, index and codes are changed.

    Args:
        gradient: C e, (g, r, D).
        cells: C, (g, D, D), or (g, D, 1) for a diagonal metric.
        templates: (K, L).
        index: (g, r, S) integers.
        codes: of a and of b, (g, r, S, 2).
        steps: of a and of b, (2,), above 0.
        offset: whether there is a b.
        levels: (low, high, step) of both; a step of 0 stands for all numbers.
        sweeps: at most.
    """
    groups, rows, columns = gradient.shape
    length = templates.shape[1]
    full = cells.shape[2] > 1
    block = np.zeros((length, length))
    for g in range(groups):
        for _ in range(sweeps):
            changed = False
            for j in range(columns // length):
                first = j * length
                for d in range(length):
                    if full:
                        block[d] = cells[g, first + d, first : first + length]
                    else:
                        block[d, d] = cells[g, first + d, 0]
                energies = _energies(block, templates)
                for i in range(rows):
                    a, b = codes[g, i, j, 0] * steps[0], codes[g, i, j, 1] * steps[1]
                    old = a * templates[index[g, i, j]] + b
                    spread = block @ old
                    pull = gradient[g, i, first : first + length] + spread
                    best, one, other, gain = _best(pull, templates, energies, steps, offset, levels)
                    before = 2 * (pull * old).sum() - (spread * old).sum()
                    if gain <= before + LEAST_GAIN * abs(before):
                        continue
                    changed = True
                    index[g, i, j], codes[g, i, j, 0], codes[g, i, j, 1] = best, one, other
                    for d in range(length):
                        move = one * steps[0] * templates[best, d] + other * steps[1] - old[d]
                        if full:
                            row, column = gradient[g, i], cells[g, first + d]
                            for c in range(columns):
                                row[c] -= move * column[c]
                        else:
                            gradient[g, i, first + d] -= move * cells[g, first + d, 0]
            if not changed:
                break


@njit(cache=True, nogil=True)
def feed_back(
    targets: np.ndarray,
    blocks: np.ndarray,
    onward: np.ndarray,
    templates: np.ndarray,
    index: np.ndarray,
    codes: np.ndarray,
    steps: np.ndarray,
    offset: bool,
    levels: tuple[float, float, float],
) -> None:
    """Index and codes, which are changed, by error feedback over the kernels.

    Args:
        targets: w, (g, r, D).
        blocks: the metrics of kernels, (g, S, L, L), from `explorer.forms.segment_feedback.segment_feedback`.
        onward: how errors pass on, (g, D, D), from there too.
        templates: as in `choose`.
        index: as in `choose`.
        codes: as in `choose`.
        steps: as in `choose`.
        offset: as in `choose`.
        levels: as in `choose`.
    """
    groups, rows, columns = targets.shape
    length = templates.shape[1]
    for g in range(groups):
        left = targets[g].copy()
        for j in range(columns // length):
            first = j * length
            energies = _energies(blocks[g, j], templates)
            for i in range(rows):
                pull = blocks[g, j] @ left[i, first : first + length]
                best, one, other, _ = _best(pull, templates, energies, steps, offset, levels)
                index[g, i, j], codes[g, i, j, 0], codes[g, i, j, 1] = best, one, other
                for d in range(length):
                    missed = left[i, first + d] - (one * steps[0] * templates[best, d] + other * steps[1])
                    rest, shares = left[i, first + length :], onward[g, first + d, first + length :]
                    for c in range(len(rest)):
                        rest[c] -= missed * shares[c]
