"""N:M sparse: N of every M consecutive inputs of a filter are kept, at each element of the kernel.

Sources: Mishra et al., Accelerating Sparse Deep Neural Networks, arXiv 2104.08378 (2:4 in hardware, where the innermost
dimension of a matrix product, the input channels of a convolution, is cut into fours, and 2 bits are stored with each
value kept); Zhou et al., Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch, ICLR 2021 (any N:M).
Values of few bits, and places as one number a group, are derived.

Legend: G = n*(c/g)*d^2/M groups, since M divides c/g.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

from costmodels.layout import Arrays, Field, numbers, ranked_places, taken_places
from costmodels.machine import FLOAT, INTEGER, KernelPath
from costmodels.machine.entries import rows_work
from costmodels.machine.paths import sum_words
from costmodels.numbers import Count, ceil_log2
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import quantizer_scale_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, Grid, LayerUsage, Operations, Scheme, Timed, weight_bit_ops
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["NMSparse"]

INDICES = ("combination", "places")
LARGEST_GROUP = 16
"""So that the rank of a combination has 14 bits at most, which a microcontroller takes apart in a few steps."""

_PATTERN = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")


@final
@dataclass(frozen=True)
class NMSparse(Scheme):
    """N of every M consecutive input channels kept at each element of a kernel, the rest zero.

    Args:
        pattern: ``N:M``, such as ``2:4``; M is at most 16 and divides the input channels of a filter.
        weight_bits: 1 to 16, or 32, of a kept weight.
        index: the places of a group as the number of their ``combination``, or as ``places`` one by one.
        scale: quantizer scales per ``filter``, per ``layer`` or ``none``.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    pattern: str = "2:4"
    weight_bits: int = 8
    index: str = "combination"
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "nm-sparse"
    reference: ClassVar[str] = "mishra2021accelerating"
    grid: ClassVar[Grid] = {
        "pattern": ("1:4", "2:4", "3:4", "4:8"),
        "weight_bits": (1, 2, 3, 4),
        "scale_bits": (8,),
    }
    in_default_grid: ClassVar[bool] = False

    def __post_init__(self) -> None:
        rule = f"pattern is N:M with 1 <= N <= M <= {LARGEST_GROUP}"
        found = _PATTERN.fullmatch(self.pattern) if isinstance(self.pattern, str) else None
        fits = found is not None and int(found[1]) <= int(found[2]) <= LARGEST_GROUP
        self._require(fits, rule, self.pattern, "choose for example 2:4")
        self._require_bits("weight_bits")
        self._require_choice("index", INDICES)
        self._require_choice("scale", SCALES)
        self._require_scale_bits()

    @property
    def kept(self) -> int:
        """N."""
        return int(self.pattern.split(":")[0])

    @property
    def group(self) -> int:
        """M."""
        return int(self.pattern.split(":")[1])

    def check(self, shape: ConvShape) -> None:
        """Groups lie within a filter, so M divides its input channels."""
        self._require(
            shape.group_inputs % self.group == 0,
            "M of N:M divides the input channels of a filter",
            f"{self.pattern} for {shape.group_inputs} channels",
            "choose a divisor, or another form for this layer",
        )

    def groups(self, shape: ConvShape) -> int:
        """G, of the whole layer."""
        return shape.weights // self.group

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights b*N*G; index L2(C(M, N))*G as combinations, N*L2(M)*G as places; scales as
        `costmodels.scales.scale_storage_bits`."""
        each = self.kept * ceil_log2(self.group)
        if self.index == "combination":
            each = ceil_log2(math.comb(self.group, self.kept))
        scales = quantizer_scale_bits(self.weight_bits, quantizer_scales(self.scale, shape), self.scale_bits)
        groups = self.groups(shape)
        return {"weights": self.weight_bits * self.kept * groups, "index": each * groups, "scales": scales}

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """N*G*H'W' accumulations, zero codes among them, since every group keeps N; reading the places is no
        arithmetic."""
        count = self.kept * self.groups(shape) * shape.weight_uses
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, count, activation_bits)
        return {DIRECT: Operations(macs=macs, additions=additions, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return (self.scale == "filter" and self.scale_bits == FLOAT_BITS) or self.weight_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``index`` (n, kh, kw, c/g/M), the rank of the places kept; ``weights`` (n, kh, kw, c/g/M, N) in the order of
        their channels; ``scales`` where the weights are quantized."""
        sizes = shape.out_channels, *shape.kernel, shape.group_inputs // self.group
        values = (ranked_places if self.index == "combination" else taken_places)(self.kept, self.group)
        return (
            Field("index", "index", sizes, values),
            Field("weights", "weights", (*sizes, self.kept), numbers(self.weight_bits)),
            *(scale_fields(self.scale, shape, self.scale_bits) if self.weight_bits != FLOAT_BITS else ()),
        )

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Every group stores N values."""
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
        """Sparse rows over windows."""
        if FLOAT_BITS in (self.weight_bits, activation_bits):
            return KernelPath(self.name, method, FLOAT)
        row = shape.group_inputs * shape.kernel_area // self.group * self.kept
        return KernelPath(self.name, method, INTEGER, 1, sum_words(row << self.weight_bits + activation_bits))

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """The weights kept, read with their places."""
        return rows_work(shape, "index", self.kept * self.groups(shape), activation_bits, path)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any N, and of the largest M that divides the segment drawn."""
        group = max(size for size in range(1, LARGEST_GROUP + 1) if draw.segment_channels % size == 0)
        pattern = f"{draw.one_of(*range(1, group + 1))}:{group}"
        return cls(pattern, draw.bits(), draw.one_of(*INDICES), draw.one_of(*SCALES), draw.one_of(*SCALE_BITS))

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """2:4 at four bits, or half of the channels where four do not divide them."""
        group = next(size for size in (4, 2, 3, 1) if shape.group_inputs % size == 0)
        return cls(f"{-(-group // 2)}:{group}", 4)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers and floats."""
        pattern = cls.random(draw).pattern
        return [
            (cls(pattern, draw.bits()), DIRECT, draw.one_of(4, 8)),
            (cls(pattern, draw.one_of(4, 8, 32)), DIRECT, 32),
        ]
