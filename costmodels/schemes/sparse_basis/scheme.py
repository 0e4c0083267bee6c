"""Sparse linear combinations of a quantized basis (paper 3): parameters, storage, and what the kernels make of them.

W_i = concat over segments j of sum_l A_ijl * B_l, with B_l of b bits shared by all filters of a group, and A sparse.
Source: Lan, Cheung, Lan, Jiang & Hu, IEEE TNNLS; the layer's formulas are derived from the abstract.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from costmodels.codes import has_zero
from costmodels.layout import Arrays, Field, nonzero_places, numbers, scale_numbers, sparse_fields
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.entries import entries_work
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.numbers import Count, round_share, select
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import (
    bank_bits,
    maps_bound,
    mixing_positions,
    quantizer_scale_bits,
    segments,
    sparse_bits,
)
from costmodels.schemes.bank_form import BankForm
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, Grid, LayerUsage, Operations, Timed
from costmodels.schemes.draw import Draw
from costmodels.schemes.sparse_basis.operations import Mixture, direct_operations, shared_operations
from costmodels.shapes import ConvShape

__all__ = ["SparseBasis"]

FORMS = ("dense", "bitmap", "index")
BASIS_SCALES = ("layer", "filter")


@final
@dataclass(frozen=True)
class SparseBasis(BankForm):
    """Filters as sparse combinations of m quantized basis filters in every segment.

    Args:
        segment_channels: s, a divisor of the channels of a group.
        filters: m, basis filters of each group.
        basis_bits: b; 1 is +-1.
        density: share of non-zero coefficients, in (0, 1]; the count is rounded, halves up. Dense coefficients of 1 or
            2 bits have no code for zero, so all of them count whatever the density.
        coefficient_bits: b_A.
        coefficients: stored ``dense``, as ``bitmap`` or as ``index`` with row counts.
        basis_scale: one quantizer scale per bank (``layer``) or one per basis ``filter``. Quantized coefficients
            share it: only the product of both scales is needed. That of a bank requantizes the output, which is free;
            that of a basis filter is multiplied before the mixing, which is counted.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range, or on `check`, the segments do not divide the channels.
    """

    basis_bits: int = 8
    density: float = 1.0
    coefficient_bits: int = 32
    coefficients: str = "bitmap"
    basis_scale: str = "layer"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "sparse-basis"
    reference: ClassVar[str] = "lan2024sparse"
    grid: ClassVar[Grid] = {
        "segments": (1, 2, 4),
        "filters": ("1/4", "1/2"),
        "basis_bits": (1, 2),
        "density": (0.25, 0.5),
        "coefficient_bits": (2, 3, 4),
    }
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require_positive("segment_channels", "filters")
        self._require_bits("basis_bits", "coefficient_bits")
        self._require_density()
        self._require_choice("coefficients", FORMS)
        self._require_choice("basis_scale", BASIS_SCALES)
        self._require_scale_bits()

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
        counts of L2(m+1); scales, q = 1 or m for each bank, as `costmodels.scales.scale_storage_bits`."""
        places = mixing_positions(shape, self.segment_channels, self.filters)
        rows = shape.out_channels * segments(shape, self.segment_channels)
        nonzeros = self.nonzeros(shape, used)
        values, index = sparse_bits(self.coefficients, places, rows, self.filters, nonzeros, self.coefficient_bits)
        scales = shape.groups * (1 if self.basis_scale == "layer" else self.filters)
        return {
            "basis": bank_bits(shape, self.segment_channels, self.filters, self.basis_bits),
            "coefficients": values,
            "index": index,
            "scales": quantizer_scale_bits(self.basis_bits, scales, self.scale_bits),
        }

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """direct: each filter is reconstructed once (nnz*s*d^2 accumulations, scratch one 32-bit filter) and convolved.
        shared-maps: s*d^2*H'W' b-bit accumulations for each map used, then nnz*H'W' coefficient MAC on partial sums.
        Scales of basis filters take nnz multiplications in direct, where the coefficients have 32 bits then, and one a
        position for each map used in shared-maps."""
        mixture = Mixture(
            self.segment_channels,
            self.filters,
            self.basis_bits,
            self.coefficient_bits,
            nonzeros=self.nonzeros(shape, used),
            maps=maps_bound(shape, self.segment_channels, self.filters) if used.pairs is None else used.pairs,
            scaled=select(self.basis_bits == FLOAT_BITS, 0, 1) if self.basis_scale == "filter" else 0,
        )
        return {
            DIRECT: direct_operations(shape, mixture, activation_bits),
            SHARED_MAPS: shared_operations(shape, mixture, activation_bits),
        }

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return bool(select(self.coefficient_bits == FLOAT_BITS, True, False))

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``basis`` (g, m, s, kh, kw); ``coefficients`` (n*S, m) where they are dense, else (nonzeros,) with their
        ``mask`` (n*S, m), or ``counts`` (n*S,) and ``positions`` (nonzeros,); ``scales`` (g, 1) or (g, m) where the
        basis is quantized."""
        slots = self._slots(shape)
        rows = slots[0] * slots[1], self.filters
        coefficients = sparse_fields("coefficients", self.coefficients, rows, numbers(self.coefficient_bits), nonzeros)
        fields = self._bank_field("basis", shape), *coefficients
        if self.basis_bits == FLOAT_BITS:
            return fields
        scales = shape.groups, 1 if self.basis_scale == "layer" else self.filters
        return *fields, Field("scales", "scales", scales, scale_numbers(self.scale_bits))

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Coefficients that are not zero, and the distinct (group, segment, basis filter) triples that have one."""
        rows, items = nonzero_places(arrays, "coefficients")
        count = shape.group_inputs // self.segment_channels
        groups, segment = rows // (shape.group_outputs * count), rows % count
        triples = (groups * count + segment) * self.filters + items
        return LayerUsage(nonzeros=int(np.count_nonzero(arrays["coefficients"])), pairs=len(np.unique(triples)))

    @property
    def filter_bits(self) -> int:
        """Those of a basis filter."""
        return self.basis_bits

    @property
    def scales_outputs(self) -> bool:
        """Where a bank has one scale; those of basis filters are multiplied before the mixing."""
        return self.basis_scale == "layer" and self.basis_bits != FLOAT_BITS

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Shared maps of integers alone, under one scale."""
        integers = FLOAT_BITS not in (self.basis_bits, self.coefficient_bits, activation_bits)
        return integers and method == SHARED_MAPS and self.basis_scale == "layer"

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """Filters are reconstructed as floats; shared maps are integers where the numbers are."""
        if FLOAT_BITS in (self.basis_bits, activation_bits) or method == DIRECT:
            return KernelPath(self.name, method, FLOAT)
        code_sum = largest_code_sum(self.segment_channels * shape.kernel_area, self.basis_bits)
        entries = shape.group_inputs // self.segment_channels * self.filters << self.coefficient_bits
        mixed = entries if self.is_exact(method, activation_bits) else 0  # else maps are mixed as floats
        return integer_path(self.name, method, self.basis_bits, activation_bits, code_sum, mixed)

    def _rebuilding_work(self, shape: ConvShape, used: LayerUsage) -> dict[str, float]:
        slots, window = self._slots(shape), self.segment_channels * shape.kernel_area
        return entries_work(self.coefficients, self._entries(shape, used), slots[0] * slots[1], [window])

    def _mixing_work(self, shape: ConvShape, path: KernelPath, blocks: list[int], used: LayerUsage) -> dict[str, float]:
        maps = shape.in_channels // self.segment_channels * self.filters // shape.groups
        entries = self._entries(shape, used)
        return entries_work(self.coefficients, entries, shape.out_channels, blocks, path.sum_words, maps)

    def _entries(self, shape: ConvShape, used: LayerUsage) -> int:
        """Coefficients that are read: every place of dense ones."""
        if self.coefficients == "dense":
            return int(mixing_positions(shape, self.segment_channels, self.filters))
        return int(self.nonzeros(shape, used))

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any parameters."""
        switches = draw.one_of(*FORMS), draw.one_of(*BASIS_SCALES), draw.one_of(*SCALE_BITS)
        return cls(draw.segment_channels, draw.filters, draw.bits(), draw.density, draw.bits(), *switches)

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """One segment, an eighth of the filters, two bits and a tenth of the coefficients."""
        return cls(shape.group_inputs, -(-shape.group_outputs // 8), 2, 0.1, 5)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Signs, few bits, integers and floats."""
        form, few = draw.one_of("bitmap", "index"), draw.one_of(1, 2, 4)

        def basis(bits: int, coefficient_bits: int) -> Self:
            return cls(draw.segment_channels, draw.filters, bits, draw.density, coefficient_bits, form)

        return [
            (basis(1, draw.one_of(4, 6, 8, 32)), SHARED_MAPS, draw.one_of(1, 2, 4, 8)),
            (basis(draw.one_of(2, 4), draw.one_of(4, 8, 32)), SHARED_MAPS, few),
            (basis(draw.one_of(4, 8), draw.one_of(4, 8, 32)), SHARED_MAPS, 8),
            (basis(draw.one_of(1, 4, 8), draw.bits()), SHARED_MAPS, 32),
            (basis(draw.one_of(1, 4, 8), draw.bits()), DIRECT, draw.one_of(8, 32)),
        ]
