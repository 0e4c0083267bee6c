"""How far a share that was counted on a sample may be from the share of all: Wilson's interval.

Source: Wilson, Journal of the American Statistical Association 22(158), 1927.
"""

import math

__all__ = ["TWO_SIDED_95", "standard_error_below", "wilson_interval"]

TWO_SIDED_95 = 1.959964
"""Standard errors on each side of an interval that holds the true share in 95 of 100 samples."""


def wilson_interval(share: float, count: int, errors: float = TWO_SIDED_95) -> tuple[float, float]:
    """The interval of a share.

    Unlike the share plus and minus its standard error it stays within 0 and 1, and has a width where all or none of
    the sample were right.

    Args:
        share: counted, 0 to 1.
        count: of the sample, 1 or more.
        errors: standard errors on each side.

    Returns:
        Its low and its high end.

    Raises:
        ValueError: there is no sample, or the share is none.

    >>> low, high = wilson_interval(0.98, 300)
    >>> round(low, 3), round(high, 3)
    (0.957, 0.991)
    """
    if count < 1 or not 0 <= share <= 1:
        raise ValueError(f"a share of a sample is needed; got {share} of {count}")
    square = errors**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = errors / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def standard_error_below(share: float, count: int) -> float:
    """How far below a share the low end of the interval of one standard error lies.

    Args:
        share: counted, 0 to 1.
        count: of the sample, 1 or more.

    >>> round(standard_error_below(1.0, 299), 12)  # all of 299 were right: one of 299 + 1
    0.003333333333
    """
    return share - wilson_interval(share, count, 1.0)[0]
