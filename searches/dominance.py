"""Which points no other point dominates. All values are to be small."""

import numpy as np

__all__ = ["dominated", "lower_front"]


def dominated(values: np.ndarray) -> np.ndarray:
    """Which rows another row is no worse than in every column; of equal rows all but the first.

    Args:
        values: shape (rows, columns).

    Returns:
        Booleans of shape (rows,).
    """
    no_worse = np.ones((len(values), len(values)), dtype=bool)
    for column in values.T:
        no_worse &= column[:, None] <= column[None, :]
    earlier = np.arange(len(values))[:, None] < np.arange(len(values))[None, :]
    beats: np.ndarray = no_worse & (~no_worse.T | earlier)
    return np.asarray(beats.any(axis=0))


def lower_front(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Indices of the points that none dominates, the first of equal ones; ascending in x, descending in y.

    Args:
        x: shape (points,).
        y: shape (points,).
    """
    order = np.lexsort((y, x))
    if not len(order):
        return order
    below = np.minimum.accumulate(y[order])
    return order[np.r_[True, below[1:] < below[:-1]]]
