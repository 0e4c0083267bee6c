"""Ternary: weights of -1, 0 and 1 under a scale.

Source: Li & Liu, Ternary Weight Networks, arXiv 1605.04711. The packings are derived: three levels take 2 bits by
themselves, and since 3^5 = 243 <= 256, five of them take a byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from costmodels.layout import Arrays, Field, Values, grouped
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.machine.paths import integer_path, spread_sum
from costmodels.numbers import Count
from costmodels.scales import SCALE_BITS, scale_storage_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, Grid, LayerUsage, Operations, Scheme, Timed, weight_bit_ops
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["Ternary"]

PACKINGS = ("base3", "two-bit")
CODES_A_BYTE = 5
PLANES_OF_SIGNS = 2
"""A weight is half the sum of two signs, the kernels' bit planes: w = (s + t) / 2, both +1, both -1, or one of each."""

MEAN_SIZE, SIZE_VARIANCE = 2 / 3, 2 / 9
"""Of a code's size, where codes are spread evenly over the three levels."""

CODES = Values(
    dtype=np.dtype(np.int8),
    kinds="iu",
    rule="values are -1, 0 or 1",
    keeps=lambda values: values.size == 0 or (int(values.min()) >= -1 and int(values.max()) <= 1),
    levels=3,
    encode=lambda values: values.astype(np.int8) + 1,
    decode=lambda ranks: ranks.astype(np.int8) - 1,
    width=2,
)
"""Stored as ranks: 0 for -1, 1 for 0, 2 for 1."""


@final
@dataclass(frozen=True)
class Ternary(Scheme):
    """Weights of -1, 0 and 1.

    Args:
        packing: ``base3`` puts five codes of the layer into a byte, as digits of base 3 in C order; ``two-bit`` gives
            each its own two bits.
        scale: scales per ``filter``, per ``layer`` or ``none``. The scale is the requantization factor of the output
            and counts no operation of its own.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    packing: str = "base3"
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "ternary"
    reference: ClassVar[str] = "li2016ternary"
    grid: ClassVar[Grid] = {"packing": ("base3",), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require_choice("packing", PACKINGS)
        self._require_choice("scale", SCALES)
        self._require_scale_bits()

    def check(self, shape: ConvShape) -> None:
        """Every layer can be ternary."""

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights 8*ceil(n*(c/g)*d^2 / 5) in base 3, else 2*n*(c/g)*d^2; scales as
        `costmodels.scales.scale_storage_bits`."""
        weights = 8 * -(-shape.weights // CODES_A_BYTE) if self.packing == "base3" else CODES.width * shape.weights
        scales = scale_storage_bits(self.scale_bits, quantizer_scales(self.scale, shape))
        return {"weights": weights, "scales": scales}

    def nonzeros(self, shape: ConvShape, used: LayerUsage) -> int:
        """Weights that are not zero: of the fitted layer where known, else all, which bounds them."""
        return shape.weights if used.nonzeros is None else used.nonzeros

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """nnz*H'W' additions, since a weight is a sign or nothing; each 1 times the activation bits."""
        count = self.nonzeros(shape, used) * shape.weight_uses
        macs, additions, bit_ops = weight_bit_ops(1, count, activation_bits)
        return {DIRECT: Operations(macs=macs, additions=additions, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return self.scale == "filter" and self.scale_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``weights`` (n, c/g, kh, kw) int8, and ``scales`` where there are some."""
        codes = grouped(CODES, CODES_A_BYTE) if self.packing == "base3" else CODES
        return Field("weights", "weights", shape.weight_shape, codes), *scale_fields(self.scale, shape, self.scale_bits)

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """The weights that are not zero."""
        return LayerUsage(nonzeros=int(np.count_nonzero(arrays["weights"])))

    @property
    def filter_bits(self) -> int:
        """Bit planes of a weight."""
        return PLANES_OF_SIGNS

    @property
    def scales_outputs(self) -> bool:
        """Where there are scales."""
        return self.scale != "none"

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Where activations are integers."""
        return activation_bits != FLOAT_BITS

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """A filter for every output."""
        if activation_bits == FLOAT_BITS:
            return KernelPath(self.name, method, FLOAT)
        code_sum = spread_sum(shape.group_inputs * shape.kernel_area, MEAN_SIZE, SIZE_VARIANCE)
        return integer_path(self.name, method, PLANES_OF_SIGNS, activation_bits, code_sum)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Filters over the input, zeros and all; a product's codes are read from their stream as floats, or
        converted."""
        bank = Bank.of_outputs(shape)
        weights = {"decoded": shape.weights}
        if path.arithmetic != FLOAT:
            weights = {"reconstructed": path.product_words * shape.weights}
        blocks = bank_blocks(shape, bank, path)
        return bank_work(shape, bank, blocks, path, activation_bits, PLANES_OF_SIGNS, weights)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any packing and scale."""
        return cls(draw.one_of(*PACKINGS), draw.one_of(*SCALES), draw.one_of(*SCALE_BITS))

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """Five codes a byte, a scale a filter."""
        return cls()

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Few bits, integers of many bits and floats."""
        return [
            (cls(draw.one_of(*PACKINGS)), DIRECT, draw.one_of(1, 2, 4, 8)),
            (cls(), DIRECT, draw.one_of(9, 12, 16)),
            (cls(draw.one_of(*PACKINGS)), DIRECT, FLOAT_BITS),
        ]
