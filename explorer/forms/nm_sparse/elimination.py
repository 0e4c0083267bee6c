"""Which weights are left when one after the other is taken out, in a metric; compiled loops.

The weight whose removal costs least given that all others are free to make up for it goes first: w_j^2 / (C^-1)_jj, and
the others change by -w_j * (C^-1)_:j / (C^-1)_jj. Then it is taken out of the inverse by one elimination step. A group
that has no more than it keeps loses none.

Source: Hassibi & Stork, Second Order Derivatives for Network Pruning: Optimal Brain Surgeon, NIPS 1992; within groups
of N:M as Frantar & Alistarh, SparseGPT, arXiv 2301.00774, who take the columns in their order instead.
"""

from typing import Any

import numpy as np
from numba import njit

__all__ = ["eliminate", "elimination_work"]


def elimination_work(rows: int, columns: int, kept_share: float) -> float:
    """About how many multiplications `eliminate` takes."""
    return rows * columns**3 * (1 - kept_share**3) / 3


@njit(cache=True, nogil=True)
def eliminate(targets: np.ndarray, inverse: np.ndarray, members: np.ndarray, kept: int) -> np.ndarray:
    """Where weights are left, (g, r, D) of bool, ``kept`` in each group.

    Args:
        targets: w, (g, r, D).
        inverse: C^-1, (g, D, D).
        members: (groups, M), the places of each group.
        kept: N.
    """
    layer_groups, rows, columns = targets.shape
    group_of = np.zeros(columns, np.int64)
    for number in range(len(members)):
        for place in members[number]:
            group_of[place] = number
    left = np.ones(targets.shape, np.bool_)
    for g in range(layer_groups):
        for i in range(rows):
            weights, own = targets[g, i].copy(), inverse[g].copy()
            alive = np.arange(columns)
            sizes = np.full(len(members), members.shape[1])
            for _ in range(len(members) * (members.shape[1] - kept)):
                best: Any = -1
                least = np.inf
                for place in alive:
                    cost = weights[place] ** 2 / own[place, place]
                    if sizes[group_of[place]] > kept and cost < least:
                        best, least = place, cost
                if best < 0:
                    break
                left[g, i, best] = False
                sizes[group_of[best]] -= 1
                alive = alive[alive != best]
                row = own[best].copy()
                for place in alive:
                    share = row[place] / row[best]
                    weights[place] -= weights[best] * share
                    for other in alive:
                        own[place, other] -= share * row[other]
    return left
