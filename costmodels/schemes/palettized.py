"""Palettized: every weight is an index into a small palette of values, which all weights of a layer or of some filters
share.

Source: Han, Mao & Dally, Deep Compression, ICLR 2016 (there one palette of floats a layer); palettes for groups of
filters, palettes of integers and scales of filters are derived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from costmodels.layout import Arrays, Field, Values, choices, halves, numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.numbers import Count, least, select
from costmodels.scales import SCALE_BITS, scale_storage_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, Grid, LayerUsage, Operations, Scheme, Timed
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["Palettized"]

WIDTHS, VALUE_WIDTHS = range(1, 5), (8, 16, 32)
INTEGER_BITS = 8
"""Of palettes of integers; the values of others are floats."""


@final
@dataclass(frozen=True)
class Palettized(Scheme):
    """Weights as indices of ``bits`` bits into palettes of 2^bits values.

    Args:
        bits: 1 to 4.
        value_bits: of a palette's value: 8 for integers in two's complement, 16 for IEEE halves, 32 for floats.
        palette_filters: filters that share a palette, in their order, the last ones as many as are left; 0 for one
            palette a layer.
        scale: scales per ``filter``, per ``layer`` or ``none``. The scale is the requantization factor of the output
            and counts no operation of its own.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    bits: int = 4
    value_bits: int = 8
    palette_filters: int = 0
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "palettized"
    reference: ClassVar[str] = "han2016deep"
    grid: ClassVar[Grid] = {"bits": (2, 3), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require(self._whole("bits") in WIDTHS, "bits is 1 to 4", self.bits, "choose such a width")
        rule = f"value_bits is one of {', '.join(map(str, VALUE_WIDTHS))}"
        self._require(self._whole("value_bits") in VALUE_WIDTHS, rule, self.value_bits, "choose one of them")
        rule, filters = "palette_filters is an integer of at least 0", self.palette_filters
        is_whole = isinstance(filters, (int, np.integer)) and not isinstance(filters, bool)
        self._require(is_whole and self._whole("palette_filters") >= 0, rule, filters, "choose 0 for one a layer")
        self._require_choice("scale", SCALES)
        self._require_scale_bits()

    def check(self, shape: ConvShape) -> None:
        """Every layer can be palettized."""

    def palettes(self, shape: ConvShape) -> Count:
        """Palettes of a layer: 1, or ceil(n / G) for G filters that share one."""
        sharing = select(self.palette_filters == 0, shape.out_channels, self.palette_filters)
        return -(-shape.out_channels // least(sharing, shape.out_channels))

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """index b*n*(c/g)*d^2; codebook palettes*2^b*v_b; scales as `costmodels.scales.scale_storage_bits`."""
        return {
            "index": self.bits * shape.weights,
            "codebook": self.palettes(shape) * (1 << self.bits) * self.value_bits,
            "scales": scale_storage_bits(self.scale_bits, quantizer_scales(self.scale, shape)),
        }

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """n*(c/g)*d^2*H'W' MAC of weights of v_b bits; a filter is looked up once, which is no arithmetic, and held in
        (c/g)*d^2 values of v_b bits."""
        row = shape.group_inputs * shape.kernel_area
        operations = Operations(
            macs=shape.dense_macs,
            bit_ops=shape.dense_macs * self.value_bits * activation_bits,
            scratch_bytes=row * self.value_bits // 8,
        )
        return {DIRECT: operations}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor: its scale, or a palette of floats of its own."""
        if self.palettes_take_factors:
            return True
        return self.scale == "filter" and self.scale_bits == FLOAT_BITS

    @property
    def palettes_take_factors(self) -> bool:
        """Whether each filter has a palette of floats of its own."""
        return self.palette_filters == 1 and self.value_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``palette`` (palettes, 2^b), ``index`` (n, c/g, kh, kw), and ``scales`` where there are some."""
        values = {INTEGER_BITS: numbers(INTEGER_BITS), FLOAT_BITS: numbers(FLOAT_BITS)}.get(self.value_bits, _HALVES)
        return (
            Field("palette", "codebook", (self.palettes(shape), 1 << self.bits), values),
            Field("index", "index", shape.weight_shape, choices(1 << self.bits, np.dtype(np.uint8))),
            *scale_fields(self.scale, shape, self.scale_bits),
        )

    def palette_of(self, shape: ConvShape) -> np.ndarray:
        """(n,): the palette of each filter."""
        return np.arange(shape.out_channels) // (self.palette_filters or shape.out_channels)

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Palettized layers use all they store."""
        return LayerUsage()

    @property
    def filter_bits(self) -> int:
        """Those of a palette of integers; others are floats."""
        return INTEGER_BITS if self.value_bits == INTEGER_BITS else FLOAT_BITS

    @property
    def scales_outputs(self) -> bool:
        """Where there are scales."""
        return self.scale != "none"

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Where values and activations are integers."""
        return FLOAT_BITS not in (self.filter_bits, activation_bits)

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """A filter for every output."""
        if not self.is_exact(method, activation_bits):
            return KernelPath(self.name, method, FLOAT)
        code_sum = largest_code_sum(shape.group_inputs * shape.kernel_area, INTEGER_BITS)
        return integer_path(self.name, method, INTEGER_BITS, activation_bits, code_sum)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Filters over the input; a product's indices are read from their stream and looked up, or its integers
        converted."""
        weights = {"decoded": shape.weights}
        if path.arithmetic != FLOAT:
            weights = {"reconstructed": path.product_words * shape.weights}
        bank = Bank.of_outputs(shape)
        blocks = bank_blocks(shape, bank, path)
        return bank_work(shape, bank, blocks, path, activation_bits, INTEGER_BITS, weights)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any parameters."""
        bits, value_bits, filters = draw.one_of(*WIDTHS), draw.one_of(*VALUE_WIDTHS), draw.one_of(0, draw.filters)
        return cls(bits, value_bits, filters, draw.one_of(*SCALES), draw.one_of(*SCALE_BITS))

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """Three bits, one palette of integers."""
        return cls(3)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers against few bits and many, and floats."""
        return [
            (cls(draw.one_of(*WIDTHS)), DIRECT, draw.one_of(1, 2)),
            (cls(draw.one_of(*WIDTHS)), DIRECT, draw.one_of(4, 8, 16)),
            (cls(draw.one_of(*WIDTHS), draw.one_of(*VALUE_WIDTHS)), DIRECT, FLOAT_BITS),
        ]


_HALVES: Values = halves()
