"""Integer arithmetic that works alike on one value and on an array of candidates.

Every formula of a scheme is written once with these, so that costing one layer and costing a column of candidates
run the same line.
"""

import math
from typing import Any

import numpy as np

__all__ = ["Count", "ceil_log2", "least", "nearest_divisors", "round_share", "select"]

Count = Any
"""An int, or an int64 array with one element per candidate."""


def ceil_log2(count: Count) -> Count:
    """L2(x) of the formulas: bits that tell x things apart, 0 for x <= 1.

    >>> [ceil_log2(x) for x in (0, 1, 2, 3, 128, 129)]
    [0, 0, 1, 2, 7, 8]
    """
    if isinstance(count, np.ndarray):
        return np.frexp(np.maximum(count - 1, 0).astype(np.float64))[1].astype(np.int64)
    return max(int(count) - 1, 0).bit_length()


def select(condition: Any, yes: Count, no: Count) -> Count:
    """``yes`` where the condition holds, else ``no``."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


def least(first: Count, second: Count) -> Count:
    """The smaller of two counts."""
    return select(first <= second, first, second)


def round_share(share: Count, total: Count) -> Count:
    """``share * total`` to the nearest integer, halves up; the rule by which a density becomes a number of values.

    >>> round_share(0.1, 4608), round_share(0.25, 10)
    (461, 3)
    """
    if isinstance(share, np.ndarray) or isinstance(total, np.ndarray):
        return np.floor(share * total + 0.5).astype(np.int64)
    return math.floor(share * total + 0.5)


def nearest_divisors(number: int, value: int) -> str:
    """The divisors of a number around a value that divides it not, in the words of a remedy.

    >>> nearest_divisors(32, 5), nearest_divisors(3, 8)
    ('choose a divisor; the nearest that fit are 4 and 8', 'choose a divisor; the nearest that fits is 3')
    """
    divisors = [one for one in range(1, number + 1) if number % one == 0]
    below, above = [one for one in divisors if one < value][-1:], [one for one in divisors if one > value][:1]
    fits = " and ".join(map(str, below + above))
    return f"choose a divisor; the nearest that {'fit are' if below and above else 'fits is'} {fits}"
