"""Which few of several places are taken, as one whole number: the combinatorial number system.

The places p_1 < ... < p_N of M, counted from 0, have the rank C(p_1, 1) + ... + C(p_N, N), from 0 to C(M, N) - 1
without a gap (Knuth, The Art of Computer Programming 4A, section 7.2.1.3, theorem L). Stored as a rank they take
L2(C(M, N)) bits; stored as they are, N*L2(M).
"""

import math
from functools import cache
from itertools import combinations

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout.fields import DAMAGED, Values, choices
from costmodels.numbers import ceil_log2

__all__ = ["RANK", "places_of_ranks", "ranked_places", "ranks_of_places", "taken_places"]

RANK = np.dtype(np.uint16)
"""Of ranks in memory: C(16, 8) is 12,870."""


@cache
def places_of_ranks(kept: int, group: int) -> np.ndarray:
    """The places of every rank, (C(M, N), N) uint8, each row ascending; read-only.

    >>> places_of_ranks(2, 3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    rows = sorted(combinations(range(group), kept), key=lambda places: places[::-1])
    table = np.array(rows, np.uint8)
    table.setflags(write=False)
    return table


def ranks_of_places(places: np.ndarray) -> np.ndarray:
    """The ranks (count,) of places (count, N) that ascend in each row.

    >>> ranks_of_places(np.array([[0, 1], [1, 2]])).tolist()
    [0, 2]
    """
    most = int(places.max(initial=0)) + 1
    terms = np.array([[math.comb(place, k + 1) for k in range(places.shape[1])] for place in range(most)], np.int64)
    ranks: np.ndarray = terms[places.astype(np.intp), np.arange(places.shape[1])].sum(axis=1).astype(RANK)
    return ranks


def ranked_places(kept: int, group: int) -> Values:
    """Ranks, L2(C(M, N)) bits each."""
    return choices(math.comb(group, kept), RANK)


def taken_places(kept: int, group: int) -> Values:
    """The same ranks, stored as their places one after the other, L2(M) bits each."""
    plain = ranked_places(kept, group)

    def encode(ranks: np.ndarray) -> np.ndarray:
        return places_of_ranks(kept, group)[ranks.astype(np.intp)].reshape(-1)

    def decode(numbers: np.ndarray) -> np.ndarray:
        places = numbers.reshape(-1, kept).astype(np.int64)
        if places.size and (int(places.max()) >= group or (np.diff(places, axis=1) <= 0).any()):
            raise KernelError(f"the places of a group ascend from 0 to {group - 1}", "others", DAMAGED)
        return ranks_of_places(places)

    return Values(
        RANK, plain.kinds, plain.rule, plain.keeps, plain.levels, encode, decode, width=ceil_log2(group), parts=kept
    )
