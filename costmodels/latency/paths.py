"""Which machine code a layer takes: the arithmetic that its numbers ask for, said from the layer's facts alone.

The kernels choose by bits: few pairs of bit planes are popcounts, more are a matrix product in the smallest type that
holds every sum exactly, and floats are a matrix product in float32. `costmodels.kernels` makes the same choice from the
codes of a fitted layer; here the codes are taken to be spread evenly over their levels.
"""

import math
from dataclasses import dataclass

from costmodels.cost import DIRECT, SHARED_MAPS
from costmodels.errors import SchemeError
from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from costmodels.schemes.base import FLOAT_BITS
from costmodels.shapes import ConvShape

__all__ = ["ADD_THEN_CONVOLVE", "CONVOLVE_THEN_ADD", "FLOAT", "INTEGER", "PLANES", "KernelPath", "executions_of"]
__all__ += ["filter_bits", "kernel_path"]

PLANES, INTEGER, FLOAT = "planes", "integer", "float"
CONVOLVE_THEN_ADD, ADD_THEN_CONVOLVE = "convolve-then-add", "add-then-convolve"

MOST_PLANE_PAIRS = 16
INT32_MOST = (1 << 31) - 1
FLOAT32_MOST = 1 << 24
"""The limits by which `costmodels.kernels.banks` chooses; a test holds both together."""

SPREAD = 2.5
"""Standard deviations by which the largest of a layer's filters exceeds the mean one."""

EXECUTIONS: dict[type[Scheme], tuple[str, ...]] = {
    Dense: (DIRECT,),
    Pruned: (DIRECT,),
    StackedBinary: (DIRECT, SHARED_MAPS),
    LegoNet: (DIRECT, SHARED_MAPS),
    LinearRepresentation: (DIRECT, CONVOLVE_THEN_ADD, ADD_THEN_CONVOLVE),
    SparseBasis: (DIRECT, SHARED_MAPS),
}


@dataclass(frozen=True)
class KernelPath:
    """What runs.

    Args:
        scheme, execution: their names.
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


def executions_of(scheme: Scheme) -> tuple[str, ...]:
    """The names of the executions that kernels have for a scheme.

    Raises:
        SchemeError: none has.
    """
    if type(scheme) not in EXECUTIONS:
        names = ", ".join(kind.name for kind in EXECUTIONS)
        raise SchemeError("the scheme has kernels", scheme.name, f"choose of {names}")
    return EXECUTIONS[type(scheme)]


def kernel_path(shape: ConvShape, scheme: Scheme, activation_bits: int, execution: str) -> KernelPath:
    """The machine code of a layer under a scheme.

    Raises:
        SchemeError: the scheme has no such execution.
    """
    if execution not in executions_of(scheme):
        names = ", ".join(executions_of(scheme))
        raise SchemeError(f"{scheme.name} runs as {names}", execution, "choose one")
    return KernelPath(scheme.name, execution, *_arithmetic(shape, scheme, activation_bits, execution))


def _arithmetic(
    shape: ConvShape, scheme: Scheme, activation_bits: int, execution: str
) -> tuple[str] | tuple[str, int, int]:
    """(arithmetic, words of a factor, words of a sum)."""
    row = shape.group_inputs * shape.kernel_area
    bits = filter_bits(scheme)
    if FLOAT_BITS in (bits, activation_bits):
        return (FLOAT,)
    if isinstance(scheme, Pruned):
        return INTEGER, 1, _sum_words(row << bits + activation_bits)
    if isinstance(scheme, StackedBinary):
        if scheme.scale == "segment":
            return (FLOAT,) if execution == DIRECT else (PLANES,)
        return PLANES, 1, _sum_words(row << activation_bits)
    if isinstance(scheme, SparseBasis):
        if execution == DIRECT:
            return (FLOAT,)
        largest = _largest_sum(scheme.segment_channels * shape.kernel_area, bits) << activation_bits
        entries = shape.group_inputs // scheme.segment_channels * scheme.filters << scheme.coefficient_bits
        exact = scheme.coefficient_bits != FLOAT_BITS and scheme.basis_scale == "layer"
        return *_bank(bits, activation_bits, largest), _sum_words(entries * largest) if exact else 1
    largest = _largest_sum(row, bits) << activation_bits
    return *_bank(bits, activation_bits, largest), _sum_words(largest)


def filter_bits(scheme: Scheme) -> int:
    """Bits of the numbers that meet the activations; 32 for floats."""
    if isinstance(scheme, (Dense, Pruned)):
        return scheme.weight_bits
    if isinstance(scheme, SparseBasis):
        return scheme.basis_bits
    return 1 if isinstance(scheme, StackedBinary) else FLOAT_BITS


def mean_code(bits: int) -> float:
    """The mean size of a code of ``bits`` bits spread evenly over its levels (`costmodels.codes`).

    >>> mean_code(1), mean_code(2), mean_code(8)
    (1.0, 2.0, 64.0)
    """
    return float(1 << bits - 1) if bits <= 2 else float(1 << bits - 2)


def _largest_sum(row: int, bits: int) -> int:
    """The largest sum of code sizes of a layer's filters: the mean and 2.5 standard deviations, uniform codes."""
    return int(mean_code(bits) * (row + SPREAD * math.sqrt(row / 3))) if bits > 1 else row


def _sum_words(largest: int) -> int:
    return 1 if largest <= INT32_MOST else 2


def _bank(bits: int, activation_bits: int, largest: int) -> tuple[str, int]:
    if bits * activation_bits <= MOST_PLANE_PAIRS:
        return PLANES, 1
    return INTEGER, 1 if largest <= FLOAT32_MOST else 2
