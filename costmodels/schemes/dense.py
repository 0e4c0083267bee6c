"""Dense: every weight stored, at b bits. Uniform quantization, and binary weights at b = 1.

Sources: XNOR-Net (ECCV 2016) for b = 1 with one scale per filter; plain uniform quantization otherwise. Zero points as
in Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR
2018, whose section 2.3 is how they are counted: sum of (q - z)*x = sum of q*x - z * sum of x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from costmodels.layout import Arrays, Field, numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.numbers import Count, select
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import quantizer_scale_bits, transform_count
from costmodels.schemes.base import (
    ACCUMULATOR_BITS,
    DIRECT,
    FLOAT_BITS,
    Grid,
    LayerUsage,
    Operations,
    Scheme,
    Timed,
    weight_bit_ops,
)
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["Dense"]

ZERO_BITS = (0, *range(3, 9))
"""Widths of zero points; the codes of 1 and 2 bits are odd, and zero is none of them (`costmodels.codes`)."""


@final
@dataclass(frozen=True)
class Dense(Scheme):
    """Weights of ``weight_bits`` bits; 1 is +-1, 32 is unquantized float.

    Args:
        weight_bits: 1 to 16, or 32.
        scale: quantizer scales per ``filter``, per ``layer`` or ``none``; a 32-bit layer has none. The scale is the
            requantization factor of the output and counts no operation of its own.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).
        zero_bits: of a zero point z beside every scale, 3 to 8; 0 for none. A weight is scale * (code - z), so that
            weights may lie mostly on one side of zero.

    Raises:
        SchemeError: a parameter is out of range.
    """

    weight_bits: int = 8
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    zero_bits: int = 0
    name: ClassVar[str] = "dense"
    reference: ClassVar[str] = "rastegari2016xnor"
    grid: ClassVar[Grid] = {"weight_bits": (1, 2, 3, 4, 5, 6, 8), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require_bits("weight_bits")
        self._require_choice("scale", SCALES)
        self._require_scale_bits()
        rule, width = "zero_bits is 3 to 8, or 0 for no zero points", self.zero_bits
        is_whole = isinstance(width, (int, np.integer)) and not isinstance(width, bool)
        self._require(is_whole and self._whole("zero_bits") in ZERO_BITS, rule, width, "choose such a width")

    def check(self, shape: ConvShape) -> None:
        """Every layer can be dense."""

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights b*n*(c/g)*d^2; scales as `costmodels.scales.scale_storage_bits`, and b_z for the zero point beside
        each of them."""
        count = quantizer_scales(self.scale, shape)
        scales = quantizer_scale_bits(self.weight_bits, count, self.scale_bits)
        return {"weights": self.weight_bits * shape.weights, "scales": scales + self.zero_width * count}

    @property
    def zero_width(self) -> Count:
        """b_z, of a stored zero point: 0 where there are none, as where there are no scales."""
        return 0 if self.scale == "none" else select(self.weight_bits == FLOAT_BITS, 0, self.zero_bits)

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """n*(c/g)*d^2*H'W' accumulations; additions alone at one bit. Zero points: the sum of a group's inputs under a
        window takes (c/g)*d^2 additions and serves all filters of the group; times the zero point it is taken off the
        sum of each output, a MAC of b_z bits by those of a partial sum."""
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, shape.dense_macs, activation_bits)
        sums = select(self.zero_width > 0, transform_count(shape, shape.group_inputs, shape.groups), 0)
        taken = select(self.zero_width > 0, shape.output_elements, 0)
        bit_ops += sums * activation_bits + taken * self.zero_width * ACCUMULATOR_BITS
        return {DIRECT: Operations(macs=macs + taken, additions=additions + sums, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return (self.scale == "filter" and self.scale_bits == FLOAT_BITS) or self.weight_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``weights`` (n, c/g, kh, kw), and ``scales`` where the weights are quantized; beside each a zero point, in
        ``zeros``."""
        fields = [Field("weights", "weights", shape.weight_shape, numbers(self.weight_bits))]
        if self.weight_bits != FLOAT_BITS:
            fields += scale_fields(self.scale, shape, self.scale_bits)
        if self.zero_width:
            fields.append(Field("zeros", "scales", (quantizer_scales(self.scale, shape),), numbers(self.zero_width)))
        return tuple(fields)

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Dense layers use all they store."""
        return LayerUsage()

    @property
    def filter_bits(self) -> int:
        """Those of a weight: of its code, or of the code less a zero point."""
        return max(self.weight_bits, self.zero_width) + 1 if self.zero_width else self.weight_bits

    @property
    def scales_outputs(self) -> bool:
        """Where there are scales."""
        return self.scale != "none" and self.weight_bits != FLOAT_BITS

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Where weights and activations are integers."""
        return FLOAT_BITS not in (self.weight_bits, activation_bits)

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """A filter for every output."""
        if FLOAT_BITS in (self.weight_bits, activation_bits):
            return KernelPath(self.name, method, FLOAT)
        row = shape.group_inputs * shape.kernel_area
        code_sum = max(largest_code_sum(row, self.weight_bits), row << self.zero_width >> 1)
        return integer_path(self.name, method, self.filter_bits, activation_bits, code_sum)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Filters over the input, zero points taken off their codes beforehand; a product's codes are read from their
        stream as floats, or converted."""
        if path.arithmetic != FLOAT:
            weights = {"reconstructed": path.product_words * shape.weights}
        else:
            weights = {"decoded": 0 if self.weight_bits == FLOAT_BITS else shape.weights}
        bank = Bank.of_outputs(shape)
        blocks = bank_blocks(shape, bank, path)
        return bank_work(shape, bank, blocks, path, activation_bits, self.filter_bits, weights)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any width and scale, every other with zero points."""
        widths = draw.bits(), draw.one_of(*SCALES), draw.one_of(*SCALE_BITS)
        return cls(*widths, draw.one_of(0, draw.one_of(*ZERO_BITS[1:])))

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """Three bits."""
        return cls(3)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Signs, few bits, integers and floats."""
        return [
            (cls(1), DIRECT, draw.one_of(1, 2, 4, 8)),
            (cls(draw.one_of(2, 3, 4)), DIRECT, draw.one_of(1, 2, 4)),
            (cls(draw.one_of(4, 5, 6, 8)), DIRECT, 8),
            (cls(draw.one_of(4, 8, 32)), DIRECT, 32),
        ]
