"""Dense: every weight stored, at b bits. Uniform quantization, and binary weights at b = 1.

Sources: XNOR-Net (ECCV 2016) for b = 1 with one scale per filter; plain uniform quantization otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

from costmodels.layout import Arrays, Field, numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.numbers import Count
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import quantizer_scale_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, Grid, LayerUsage, Operations, Scheme, Timed, weight_bit_ops
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["Dense"]


@final
@dataclass(frozen=True)
class Dense(Scheme):
    """Weights of ``weight_bits`` bits; 1 is +-1, 32 is unquantized float.

    Args:
        weight_bits: 1 to 16, or 32.
        scale: quantizer scales per ``filter``, per ``layer`` or ``none``; a 32-bit layer has none. The scale is the
            requantization factor of the output and counts no operation of its own.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    weight_bits: int = 8
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "dense"
    reference: ClassVar[str] = "rastegari2016xnor"
    grid: ClassVar[Grid] = {"weight_bits": (1, 2, 3, 4, 5, 6, 8), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require_bits("weight_bits")
        self._require_choice("scale", SCALES)
        self._require_scale_bits()

    def check(self, shape: ConvShape) -> None:
        """Every layer can be dense."""

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights b*n*(c/g)*d^2; scales as `costmodels.scales.scale_storage_bits`."""
        scales = quantizer_scale_bits(self.weight_bits, quantizer_scales(self.scale, shape), self.scale_bits)
        return {"weights": self.weight_bits * shape.weights, "scales": scales}

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """n*(c/g)*d^2*H'W' accumulations; additions alone at one bit."""
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, shape.dense_macs, activation_bits)
        return {DIRECT: Operations(macs=macs, additions=additions, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return (self.scale == "filter" and self.scale_bits == FLOAT_BITS) or self.weight_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``weights`` (n, c/g, kh, kw), and ``scales`` where the weights are quantized."""
        weights = Field("weights", "weights", shape.weight_shape, numbers(self.weight_bits))
        return weights, *(scale_fields(self.scale, shape, self.scale_bits) if self.weight_bits != FLOAT_BITS else ())

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Dense layers use all they store."""
        return LayerUsage()

    @property
    def filter_bits(self) -> int:
        """Those of a weight."""
        return self.weight_bits

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
        code_sum = largest_code_sum(shape.group_inputs * shape.kernel_area, self.weight_bits)
        return integer_path(self.name, method, self.weight_bits, activation_bits, code_sum)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Filters over the input; a product's codes are read from their stream as floats, or converted."""
        if path.arithmetic != FLOAT:
            weights = {"reconstructed": path.product_words * shape.weights}
        else:
            weights = {"decoded": 0 if self.weight_bits == FLOAT_BITS else shape.weights}
        bank = Bank.of_outputs(shape)
        blocks = bank_blocks(shape, bank, path)
        return bank_work(shape, bank, blocks, path, activation_bits, self.weight_bits, weights)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any width and scale."""
        return cls(draw.bits(), draw.one_of(*SCALES), draw.one_of(*SCALE_BITS))

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
