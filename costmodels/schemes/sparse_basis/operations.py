"""The operations of a sparse basis in its two executions, from the numbers that they depend on.

Legend: as in `costmodels.schemes.base`.
"""

from typing import NamedTuple

from costmodels.conventions import ACCUMULATOR_BITS, FLOAT_BITS
from costmodels.numbers import Count, select
from costmodels.schemes.bank import row_scratch_bytes, transform_count
from costmodels.schemes.operations import SCALE_BIT_OPS, Operations, weight_bit_ops
from costmodels.shapes import ConvShape

__all__ = ["Mixture", "direct_operations", "shared_operations"]


class Mixture(NamedTuple):
    """A basis and its coefficients.

    Args:
        segment_channels: s.
        filters: m, of each group.
        basis_bits: of a basis filter.
        coefficient_bits: of a coefficient.
        nonzeros: coefficients that are not zero.
        maps: basis filters over segments that have a coefficient.
        scaled: 1 where each basis filter has a scale of its own that is multiplied before the mixing, else 0.
    """

    segment_channels: Count
    filters: Count
    basis_bits: Count
    coefficient_bits: Count
    nonzeros: Count
    maps: Count
    scaled: Count


def direct_operations(shape: ConvShape, mixture: Mixture, activation_bits: int) -> Operations:
    """Each filter is reconstructed once (nnz*s*d^2 accumulations, scratch one 32-bit filter), then convolved."""
    reconstructed = mixture.nonzeros * mixture.segment_channels * shape.kernel_area
    scalings = mixture.scaled * mixture.nonzeros
    factor_bits = select(mixture.scaled == 1, FLOAT_BITS, mixture.coefficient_bits)
    macs, additions, bit_ops = weight_bit_ops(mixture.basis_bits, reconstructed, factor_bits)
    return Operations(
        macs=macs + shape.dense_macs,
        additions=additions,
        multiplications=scalings,
        bit_ops=bit_ops + scalings * SCALE_BIT_OPS + shape.dense_macs * ACCUMULATOR_BITS * activation_bits,
        scratch_bytes=shape.group_inputs * shape.kernel_area * (ACCUMULATOR_BITS // 8),
    )


def shared_operations(shape: ConvShape, mixture: Mixture, activation_bits: int) -> Operations:
    """s*d^2*H'W' b-bit accumulations for each map used, then nnz*H'W' coefficient MAC on partial sums."""
    transform = transform_count(shape, mixture.segment_channels, mixture.maps)
    scalings = mixture.scaled * mixture.maps * shape.positions
    macs, additions, bit_ops = weight_bit_ops(mixture.basis_bits, transform, activation_bits)
    mixed_macs, mixed_additions, mixed_bit_ops = weight_bit_ops(
        mixture.coefficient_bits, mixture.nonzeros * shape.positions, ACCUMULATOR_BITS
    )
    return Operations(
        macs=macs + mixed_macs,
        additions=additions + mixed_additions,
        multiplications=scalings,
        bit_ops=bit_ops + mixed_bit_ops + scalings * SCALE_BIT_OPS,
        scratch_bytes=row_scratch_bytes(shape, mixture.segment_channels, mixture.filters),
    )
