"""What one execution of a layer takes, and the counts of a fitted layer that the formulas read."""

from dataclasses import dataclass

from costmodels.conventions import ACCUMULATOR_BITS, FLOAT_BITS
from costmodels.numbers import Count, select

__all__ = ["DIRECT", "SCALE_BIT_OPS", "SHARED_MAPS", "LayerUsage", "Operations", "weight_bit_ops"]

DIRECT, SHARED_MAPS = "direct", "shared-maps"
"""The two executions of a layer (`costmodels.conventions`)."""

SCALE_BIT_OPS = FLOAT_BITS * ACCUMULATOR_BITS
"""Bit operations of one multiplication by a scale."""


@dataclass(frozen=True)
class LayerUsage:
    """What a fitted layer really uses; ``None`` where the scheme has no such count. Fitting fills it in.

    Args:
        nonzeros: weights (pruned, ternary) or coefficients (sparse basis) that are not zero.
        pairs: distinct (group, segment, low-dimensional filter) triples that some filter uses: the shared maps
            computed.
        templates_by_input: sum over input channels j of U_j, the distinct templates used on channel j.
        templates_by_output: sum over filters i of V_i, the distinct templates used by filter i.
        coded_bits: bits of the entropy-coded weights, their table and checksum among them.
    """

    nonzeros: int | None = None
    pairs: int | None = None
    templates_by_input: int | None = None
    templates_by_output: int | None = None
    coded_bits: int | None = None

    def to_json(self) -> dict[str, int]:
        """Plain data: the counts that the scheme has."""
        return {name: count for name, count in vars(self).items() if count is not None}


@dataclass(frozen=True)
class Operations:
    """Work of one way to execute a layer once on one image.

    Args:
        macs: multiply-accumulates.
        additions: additions alone.
        multiplications: multiplications alone.
        bit_ops: their sum weighted by operand bits (see `costmodels.conventions`).
        scratch_bytes: working memory in addition to the input and the output.
        method: which variant of the execution it is, where there are several.
        decoded: weights decoded one after the other from an entropy-coded stream; no arithmetic, so no bit-ops.
    """

    macs: Count = 0
    additions: Count = 0
    multiplications: Count = 0
    bit_ops: Count = 0
    scratch_bytes: Count = 0
    method: str = ""
    decoded: Count = 0


def weight_bit_ops(weight_bits: Count, count: Count, operand_bits: Count) -> tuple[Count, Count, Count]:
    """(macs, additions, bit_ops) of ``count`` accumulations of a b-bit weight times a value of ``operand_bits``.

    A one-bit weight is +-1, so its accumulation is an addition or a subtraction and no multiply-accumulate.
    """
    binary = weight_bits == 1
    return select(binary, 0, count), select(binary, count, 0), count * weight_bits * operand_bits
