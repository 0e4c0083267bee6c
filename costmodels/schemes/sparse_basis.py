"""Sparse linear combinations of a quantized basis (paper 3), and the learned filter basis as its dense 32-bit case.

W_i = concat over segments j of sum_l A_ijl * B_l, with B_l of b bits shared by all filters of a group, and A sparse.
Source: Lan, Cheung, Lan, Jiang & Hu, IEEE TNNLS; the layer's formulas are derived from the abstract.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from costmodels.codes import has_zero
from costmodels.numbers import Count, round_share, select
from costmodels.schemes.bank import (
    bank_bits,
    maps_bound,
    mixing_positions,
    quantizer_scale_bits,
    row_scratch_bytes,
    segments,
    sparse_bits,
    transform_count,
)
from costmodels.schemes.base import (
    ACCUMULATOR_BITS,
    FLOAT_BITS,
    SCALE_BIT_OPS,
    LayerUsage,
    Operations,
    Scheme,
    weight_bit_ops,
)
from costmodels.shapes import ConvShape

__all__ = ["SparseBasis", "learned_filter_basis"]

FORMS = ("dense", "bitmap", "index")
BASIS_SCALES = ("layer", "filter")


@final
@dataclass(frozen=True)
class SparseBasis(Scheme):
    """Filters as sparse combinations of m quantized basis filters in every segment.

    Args:
        segment_channels: s, a divisor of the channels of a group.
        filters: m, basis filters of each group.
        basis_bits: b; 1 is +-1.
        density: share of non-zero coefficients, in (0, 1]; the count is rounded, halves up. Dense coefficients of 1 or
            2 bits have no code for zero, so all of them count whatever the density.
        coefficient_bits: b_A.
        coefficients: stored ``dense``, as ``bitmap`` or as ``index`` with row counts.
        basis_scale: one 32-bit quantizer scale per bank (``layer``) or one per basis ``filter``. Quantized coefficients
            share it: only the product of both scales is needed. That of a bank requantizes the output, which is free;
            that of a basis filter is multiplied before the mixing, which is counted.

    Raises:
        SchemeError: a parameter is out of range, or on `check`, the segments do not divide the channels.
    """

    segment_channels: int
    filters: int
    basis_bits: int = 8
    density: float = 1.0
    coefficient_bits: int = 32
    coefficients: str = "bitmap"
    basis_scale: str = "layer"
    name: ClassVar[str] = "sparse-basis"
    reference: ClassVar[str] = "lan2024sparse"

    def __post_init__(self) -> None:
        self._require_positive("segment_channels", "filters")
        self._require_bits("basis_bits", "coefficient_bits")
        self._require_density()
        self._require_choice("coefficients", FORMS)
        self._require_choice("basis_scale", BASIS_SCALES)

    def check(self, shape: ConvShape) -> None:
        """Segments divide the channels of a group."""
        self._require_segments(shape, self.segment_channels)

    @property
    def kept_share(self) -> Count:
        """Share of the coefficients that are not zero: the density, or 1 where a zero has neither code nor place."""
        return (
            select(has_zero(self.coefficient_bits), self.density, 1.0) if self.coefficients == "dense" else self.density
        )

    def nonzeros(self, shape: ConvShape, used: LayerUsage) -> Count:
        """Coefficients that are not zero: of the fitted layer where known, else `kept_share` times Z."""
        places = mixing_positions(shape, self.segment_channels, self.filters)
        return round_share(self.kept_share, places) if used.nonzeros is None else used.nonzeros

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """basis g*b*m*s*d^2; coefficients b_A*Z dense, else b_A*nnz; index Z bits as bitmap, or nnz*L2(m) and n*S row
        counts of L2(m+1); scales 32*q for each bank, q = 1 or m."""
        places = mixing_positions(shape, self.segment_channels, self.filters)
        rows = shape.out_channels * segments(shape, self.segment_channels)
        nonzeros = self.nonzeros(shape, used)
        values, index = sparse_bits(self.coefficients, places, rows, self.filters, nonzeros, self.coefficient_bits)
        scales = shape.groups * (1 if self.basis_scale == "layer" else self.filters)
        return {
            "basis": bank_bits(shape, self.segment_channels, self.filters, self.basis_bits),
            "coefficients": values,
            "index": index,
            "scales": quantizer_scale_bits(self.basis_bits, scales),
        }

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """direct: each filter is rebuilt once (nnz*s*d^2 accumulations, scratch one 32-bit filter), then convolved.
        shared-maps: s*d^2*H'W' b-bit accumulations for each map used, then nnz*H'W' coefficient MAC on partial sums.
        Scales of basis filters take nnz multiplications in direct, where the coefficients have 32 bits then, and one a
        position for each map used in shared-maps."""
        nonzeros = self.nonzeros(shape, used)
        return {
            "direct": self._direct(shape, activation_bits, nonzeros),
            "shared-maps": self._shared(shape, activation_bits, used, nonzeros),
        }

    @property
    def _scaled(self) -> Count:
        """1 where each basis filter has a scale of its own that has to be multiplied before the mixing, else 0."""
        return select(self.basis_bits == FLOAT_BITS, 0, 1) if self.basis_scale == "filter" else 0

    def _direct(self, shape: ConvShape, activation_bits: int, nonzeros: Count) -> Operations:
        rebuilt, scalings = nonzeros * self.segment_channels * shape.kernel_area, self._scaled * nonzeros
        factor_bits = select(self._scaled == 1, FLOAT_BITS, self.coefficient_bits)
        macs, additions, bit_ops = weight_bit_ops(self.basis_bits, rebuilt, factor_bits)
        return Operations(
            macs=macs + shape.dense_macs,
            additions=additions,
            multiplications=scalings,
            bit_ops=bit_ops + scalings * SCALE_BIT_OPS + shape.dense_macs * ACCUMULATOR_BITS * activation_bits,
            scratch_bytes=shape.group_inputs * shape.kernel_area * (ACCUMULATOR_BITS // 8),
        )

    def _shared(self, shape: ConvShape, activation_bits: int, used: LayerUsage, nonzeros: Count) -> Operations:
        maps = maps_bound(shape, self.segment_channels, self.filters) if used.pairs is None else used.pairs
        transform, scalings = transform_count(shape, self.segment_channels, maps), self._scaled * maps * shape.positions
        macs, additions, bit_ops = weight_bit_ops(self.basis_bits, transform, activation_bits)
        mixed_macs, mixed_additions, mixed_bit_ops = weight_bit_ops(
            self.coefficient_bits, nonzeros * shape.positions, ACCUMULATOR_BITS
        )
        return Operations(
            macs=macs + mixed_macs,
            additions=additions + mixed_additions,
            multiplications=scalings,
            bit_ops=bit_ops + mixed_bit_ops + scalings * SCALE_BIT_OPS,
            scratch_bytes=row_scratch_bytes(shape, self.segment_channels, self.filters),
        )

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return bool(select(self.coefficient_bits == FLOAT_BITS, True, False))


def learned_filter_basis(segment_channels: int, filters: int) -> SparseBasis:
    """LFB (ICCV 2019): the case of a 32-bit basis with dense 32-bit coefficients."""
    return SparseBasis(segment_channels, filters, basis_bits=32, density=1.0, coefficient_bits=32, coefficients="dense")
