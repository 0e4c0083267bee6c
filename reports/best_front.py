"""The distance of what was found to the best possible: arithmetic on two fronts. All figures are to be small.

A pair of figures has two fronts: that of the designs found, and the best one, which no design of the space betters
(`searches.pairs`). Where the best front is complete, each of its points is reached by a design, and a gap is exact;
where it is a bound, a gap is at most so large.

Sources: the hypervolume is that of Zitzler & Thiele, IEEE Transactions on Evolutionary Computation 3(4), 1999; the
factor is the multiplicative epsilon indicator of Zitzler et al., IEEE Transactions on Evolutionary Computation 7(2),
2003.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from reports.front import hypervolume

__all__ = ["GAP_TABLES", "epsilon_indicator", "gap_rows", "hypervolume_ratio", "least_at", "pair_name"]

GAP_TABLES = {
    "exact": ("pair", "first", "second"),
    "gaps": ("pair", "design", "first", "second", "least_first", "least_second", "gap_first", "gap_second"),
}
"""Tables of a run with a gap: the best front of each pair, and how far from it each design that fits is.

``least_second`` is the least of the second figure that a design with no more of the first can have, and ``gap_second``
how much less that is, as a share of the design's own.
"""


def pair_name(first: str, second: str) -> str:
    """What a pair of columns is called in the tables."""
    return f"{first}+{second}"


def least_at(limits: ArrayLike, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """The least of the second figure at no more of the first than each limit; infinite where there is no such point.

    Args:
        limits: (q,).
        first: (p,), the front's values of the first figure, in any order.
        second: (p,), those of the second, in the same order.

    >>> least_at([1, 4, 9], [2, 4], [30, 10]).tolist()
    [inf, 10.0, 10.0]
    """
    order = np.argsort(np.asarray(first, float), kind="stable")
    along = np.asarray(first, float)[order]
    lowest = np.concatenate([[np.inf], np.minimum.accumulate(np.asarray(second, float)[order])])
    return lowest[np.searchsorted(along, np.asarray(limits, float), side="right")]


def gap_rows(pair: str, designs: Sequence[str], found: ArrayLike, best: ArrayLike) -> pd.DataFrame:
    """The rows of the designs in the table ``gaps``.

    Args:
        pair: its name.
        designs: d names.
        found: their values (d, 2).
        best: the best front (p, 2).

    A value of 0 cannot be bettered: its gap is 0.
    """
    own, front = np.asarray(found, float).reshape(-1, 2), np.asarray(best, float)
    least_second = least_at(own[:, 0], front[:, 0], front[:, 1])
    least_first = least_at(own[:, 1], front[:, 1], front[:, 0])
    shares = [
        np.divide(value - least, value, out=np.zeros(len(value)), where=value > 0)
        for value, least in ((own[:, 0], least_first), (own[:, 1], least_second))
    ]
    columns = (own[:, 0], own[:, 1], least_first, least_second, *shares)
    table = {"pair": pair, "design": list(designs), **dict(zip(GAP_TABLES["gaps"][2:], columns, strict=True))}
    return pd.DataFrame(table, columns=list(GAP_TABLES["gaps"]))


def hypervolume_ratio(found: ArrayLike, best: ArrayLike, reference: Mapping[str, float]) -> dict[str, Any]:
    """Hypervolumes of both fronts and their ratio, for run.json; the ratio is None where the best one's is 0.

    Args:
        found: values (p, k).
        best: values (q, k).
        reference: by column, in the order of the values.

    >>> hypervolume_ratio([[2, 2]], [[1, 2], [2, 1]], {"a": 3, "b": 3})["ratio"]
    0.3333333333333333
    """
    bound = list(reference.values())
    mine, whole = hypervolume(np.asarray(found, float), bound), hypervolume(np.asarray(best, float), bound)
    # No found point lies beyond the best front, but the areas are rounded sums.
    ratio = min(mine / whole, 1.0) if whole > 0 else None
    return {"reference": dict(reference), "found": mine, "best": whole, "ratio": ratio}


def epsilon_indicator(found: ArrayLike, front: ArrayLike) -> float:
    """The least factor such that each point of the front has a found one at most so many times as large in each figure.

    Args:
        found: values (p, k), none negative.
        front: (q, k).

    >>> epsilon_indicator([[2, 4], [8, 1]], [[2, 2], [4, 1]])
    2.0
    """
    own, points = np.asarray(found, float), np.asarray(front, float)
    factor = 1.0
    for point in points:
        ratios = np.divide(own, point, out=np.where(own > 0, np.inf, 1.0), where=point > 0)
        factor = max(factor, float(ratios.max(axis=1).min(initial=np.inf)))
    return factor
