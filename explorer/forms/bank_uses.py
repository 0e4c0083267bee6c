"""Where the filters of a bank are used, filter by filter: what `explorer.forms.bank_update.update` runs over."""

import numpy as np

__all__ = ["uses_of"]


def uses_of(
    filters: np.ndarray, factors: np.ndarray, count: int, is_shared: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The uses of each filter that are not zero.

    Args:
        filters: which filter of the bank, (g, r, S, t): t of them in each segment.
        factors: by what it is multiplied there, of the same shape.
        count: filters of a bank.
        is_shared: whether all groups use one bank; else each has its own.

    Returns:
        ``starts`` (banks*count + 1,), ``places`` (uses, 3) of group, filter and segment, and ``factors`` (uses,).
    """
    group, row, segment, which = np.nonzero(factors)
    number = filters[group, row, segment, which].astype(np.int64)
    if not is_shared:
        number += group * count
    order = np.argsort(number, kind="stable")
    banks = 1 if is_shared else len(filters)
    starts = np.zeros(banks * count + 1, np.int64)
    np.cumsum(np.bincount(number, minlength=banks * count), out=starts[1:])
    places = np.stack([group, row, segment], axis=1)[order]
    return starts, np.ascontiguousarray(places), np.ascontiguousarray(factors[group, row, segment, which][order])
