"""Low rank: the filters of a group as products of two thin matrices, so that a layer becomes two layers.

W = U V, W (n/g, c/g*d^2) by group: r filters V of c/g x d x d, then n/g combinations U of their maps, which is a 1x1
convolution. Sources: Denton et al., Exploiting Linear Structure Within Convolutional Networks for Efficient Evaluation,
NIPS 2014; Jaderberg, Vedaldi & Zisserman, Speeding up Convolutional Neural Networks with Low Rank Expansions, BMVC 2014
(there with floats, and kernels that are split too). Factors of few bits and their scales are derived.

It is a sparse basis of one segment with every coefficient in place, and beyond that a scale for each output. The map
between the two layers is what shared maps are everywhere here: partial sums of 32 bits, one output row at a time, which
are not rounded to the bits of activations.

Legend: as in `costmodels.schemes.base`, with r for the filters of a group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

from costmodels.layout import Arrays, Field, numbers, scale_numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.entries import entries_work
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.numbers import Count, select
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import bank_bits, quantizer_scale_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, Grid, LayerUsage, Operations, Scheme, Timed
from costmodels.schemes.draw import Draw
from costmodels.schemes.sparse_basis.operations import Mixture, direct_operations, shared_operations
from costmodels.shapes import ConvShape

__all__ = ["LowRank"]


@final
@dataclass(frozen=True)
class LowRank(Scheme):
    """The filters of each group as combinations of r filters.

    Args:
        filters: r, of each group; in text a fraction of n/g too.
        basis_bits: of the r filters, 1 to 16 or 32; each has a scale, unless they are floats. It is multiplied before
            the maps are combined, which is counted.
        coefficient_bits: of the combinations, likewise; each output has a scale, which requantizes it and is free.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    filters: int
    basis_bits: int = 8
    coefficient_bits: int = 8
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "low-rank"
    reference: ClassVar[str] = "denton2014exploiting"
    method_names: ClassVar[tuple[str, ...]] = (DIRECT, SHARED_MAPS)
    grid: ClassVar[Grid] = {
        "filters": ("1/8", "1/4", "1/2"),
        "basis_bits": (2, 3, 4),
        "coefficient_bits": (3, 4),
        "scale_bits": (8,),
    }
    in_default_grid: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._require_positive("filters")
        self._require_bits("basis_bits", "coefficient_bits")
        self._require_scale_bits()

    def check(self, shape: ConvShape) -> None:
        """Every layer can be of low rank, group by group; with as many filters as outputs nothing is gained."""

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """basis b_V*g*r*(c/g)*d^2; coefficients b_U*n*r; scales of g*r filters and of n outputs, each as
        `costmodels.scales.scale_storage_bits`."""
        filter_scales = quantizer_scale_bits(self.basis_bits, shape.groups * self.filters, self.scale_bits)
        output_scales = quantizer_scale_bits(self.coefficient_bits, shape.out_channels, self.scale_bits)
        return {
            "basis": bank_bits(shape, shape.group_inputs, self.filters, self.basis_bits),
            "coefficients": self.coefficient_bits * shape.out_channels * self.filters,
            "scales": filter_scales + output_scales,
        }

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """direct: each filter is put together once (r*(c/g)*d^2 accumulations, scratch one 32-bit filter), then
        convolved. shared-maps: g*r*(c/g)*d^2*H'W' accumulations of b_V bits, then n*r*H'W' of b_U bits on partial
        sums, r*W' of which are held. Scales of the filters take n*r or g*r*H'W' multiplications."""
        mixture = Mixture(
            shape.group_inputs,
            self.filters,
            self.basis_bits,
            self.coefficient_bits,
            nonzeros=shape.out_channels * self.filters,
            maps=shape.groups * self.filters,
            scaled=select(self.basis_bits == FLOAT_BITS, 0, 1),
        )
        return {
            DIRECT: direct_operations(shape, mixture, activation_bits),
            SHARED_MAPS: shared_operations(shape, mixture, activation_bits),
        }

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of an output can take up a factor: its scale, or coefficients of floats."""
        return FLOAT_BITS in (self.coefficient_bits, self.scale_bits)

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``basis`` (g, r, c/g, kh, kw) and ``coefficients`` (n, r); ``basis_scales`` (g, r) and ``scales`` (n,) where
        these are quantized."""
        sizes = shape.groups, self.filters
        fields = [
            Field("basis", "basis", (*sizes, shape.group_inputs, *shape.kernel), numbers(self.basis_bits)),
            Field("coefficients", "coefficients", (shape.out_channels, self.filters), numbers(self.coefficient_bits)),
        ]
        if self.basis_bits != FLOAT_BITS:
            fields.append(Field("basis_scales", "scales", sizes, scale_numbers(self.scale_bits)))
        if self.coefficient_bits != FLOAT_BITS:
            fields.append(Field("scales", "scales", (shape.out_channels,), scale_numbers(self.scale_bits)))
        return tuple(fields)

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Every filter and every coefficient is used."""
        return LayerUsage()

    @property
    def filter_bits(self) -> int:
        """Those of the r filters."""
        return self.basis_bits

    @property
    def scales_outputs(self) -> bool:
        """Where the coefficients are quantized."""
        return self.coefficient_bits != FLOAT_BITS

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Nowhere: the scales of the filters, or floats, come before the combinations."""
        return False

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """Filters are put together as floats; the maps of integer filters are integers, and combined as floats."""
        if FLOAT_BITS in (self.basis_bits, activation_bits) or method == DIRECT:
            return KernelPath(self.name, method, FLOAT)
        code_sum = largest_code_sum(shape.group_inputs * shape.kernel_area, self.basis_bits)
        return integer_path(self.name, method, self.basis_bits, activation_bits, code_sum, 0)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """The filters over the input and a combination, or the layer's own filters, put together for each image."""
        row, entries = shape.group_inputs * shape.kernel_area, shape.out_channels * self.filters
        stored, is_shared = shape.groups * self.filters * row, path.execution == SHARED_MAPS
        weights: dict[str, float] = {"reconstructed": path.product_words * stored}
        if path.arithmetic == FLOAT:
            weights = {"decoded": 0 if self.basis_bits == FLOAT_BITS else stored}
        if not is_shared:
            weights |= entries_work("dense", entries, shape.out_channels, [row])
        bank = Bank(shape.groups, self.filters, shape.group_inputs) if is_shared else Bank.of_outputs(shape)
        blocks = bank_blocks(shape, bank, path)
        amounts = bank_work(shape, bank, blocks, path, activation_bits, self.basis_bits, weights)
        if is_shared:
            amounts |= entries_work("dense", entries, shape.out_channels, blocks, path.sum_words, self.filters)
        return amounts

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any parameters."""
        return cls(draw.filters, draw.bits(), draw.bits(), draw.one_of(*SCALE_BITS))

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """A quarter of the filters, four bits."""
        return cls(-(-shape.group_outputs // 4), 4, 4)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Signs, few bits, integers and floats."""
        few = draw.one_of(1, 2, 4)
        return [
            (cls(draw.filters, 1, draw.one_of(4, 8, 32)), SHARED_MAPS, draw.one_of(1, 2, 4, 8)),
            (cls(draw.filters, draw.one_of(2, 4), draw.one_of(4, 8, 32)), SHARED_MAPS, few),
            (cls(draw.filters, draw.one_of(4, 8), draw.one_of(4, 8, 32)), SHARED_MAPS, 8),
            (cls(draw.filters, draw.one_of(1, 4, 8), draw.bits()), SHARED_MAPS, 32),
            (cls(draw.filters, draw.one_of(1, 4, 8), draw.bits()), DIRECT, draw.one_of(8, 32)),
        ]
