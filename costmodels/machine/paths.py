"""Which machine code a layer takes: the arithmetic that its numbers ask for, said from the layer's facts alone.

The kernels choose by bits: few pairs of bit planes are popcounts, more are a matrix product in the smallest type that
holds every sum exactly, and floats are a matrix product in float32. `costmodels.kernels` makes the same choice from the
codes of a fitted layer; here the codes are taken to be spread evenly over their levels.
"""

import math
from dataclasses import dataclass

from costmodels.machine.limits import FLOAT32_MOST, INT32_MOST, MOST_PLANE_PAIRS

__all__ = [
    "FLOAT",
    "INTEGER",
    "PLANES",
    "KernelPath",
    "integer_path",
    "largest_code_sum",
    "mean_code",
    "spread_sum",
    "sum_words",
]

PLANES, INTEGER, FLOAT = "planes", "integer", "float"

SPREAD = 2.5
"""Standard deviations by which the largest of a layer's filters exceeds the mean one."""


@dataclass(frozen=True)
class KernelPath:
    """What runs.

    Args:
        scheme: its name.
        execution: its name.
        arithmetic: of the filters: ``planes`` (popcounts), ``integer`` (exact in integers or in a product) or
            ``float``.
        product_words: 32-bit words of a factor: 1, or 2 where float32 would round.
        sum_words: of a sum.
    """

    scheme: str
    execution: str
    arithmetic: str
    product_words: int = 1
    sum_words: int = 1

    @property
    def kernel(self) -> str:
        """Its name in tables of times."""
        return f"{self.scheme} / {self.execution} / {self.arithmetic}"


def mean_code(bits: int) -> float:
    """The mean size of a code of ``bits`` bits spread evenly over its levels (`costmodels.codes`).

    >>> mean_code(1), mean_code(2), mean_code(8)
    (1.0, 2.0, 64.0)
    """
    return float(1 << bits - 1) if bits <= 2 else float(1 << bits - 2)


def largest_code_sum(row: int, bits: int) -> int:
    """The largest sum of code sizes of a layer's filters: the mean and 2.5 standard deviations, uniform codes.

    Args:
        row: codes of a filter.
        bits: of a code.
    """
    return int(mean_code(bits) * (row + SPREAD * math.sqrt(row / 3))) if bits > 1 else row


def spread_sum(row: int, mean: float, variance: float) -> int:
    """The same for codes whose sizes have this mean and variance."""
    return int(mean * row + SPREAD * math.sqrt(variance * row))


def sum_words(largest: int) -> int:
    """32-bit words of a type that holds sums up to ``largest``: 1 or 2."""
    return 1 if largest <= INT32_MOST else 2


def integer_path(
    scheme: str, execution: str, bits: int, activation_bits: int, code_sum: int, entries: int = 1
) -> KernelPath:
    """Integer filters over integer activations.

    Args:
        scheme: its name.
        execution: its name.
        bits: bit planes of a weight.
        activation_bits: of a value of the image.
        code_sum: no sum of a filter's code sizes is larger.
        entries: how often the sum of a filter goes into a sum of the output, codes of entries included.
    """
    largest = code_sum << activation_bits
    if bits * activation_bits <= MOST_PLANE_PAIRS:
        return KernelPath(scheme, execution, PLANES, 1, sum_words(entries * largest))
    return KernelPath(scheme, execution, INTEGER, 1 if largest <= FLOAT32_MOST else 2, sum_words(entries * largest))
