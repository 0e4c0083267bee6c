"""Pruned: magnitude pruning, the weights that are left stored at b bits with their places.

Source: Deep Compression (ICLR 2016) for sparse storage with index; bitmap storage is the plain alternative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from costmodels.layout import Arrays, Field, numbers, sparse_fields
from costmodels.machine import FLOAT, INTEGER, KernelPath
from costmodels.machine.entries import rows_work
from costmodels.machine.paths import sum_words
from costmodels.numbers import Count, round_share
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import quantizer_scale_bits, sparse_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, Grid, LayerUsage, Operations, Scheme, Timed, weight_bit_ops
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["Pruned"]

FORMS = ("bitmap", "index")

LARGEST_BITMAP = 10**7
"""Weights up to which a layer of a network is pruned as an index: the positions of more take much memory."""


@final
@dataclass(frozen=True)
class Pruned(Scheme):
    """A share ``density`` of the weights kept, the rest zero.

    Args:
        density: share of weights kept, above 0 and at most 1; the count is rounded, halves up.
        weight_bits: 1 to 16, or 32, of a kept weight.
        coefficients: places as a ``bitmap`` (one bit a weight) or an ``index`` (position in the filter, and a count
            per filter).
        scale: quantizer scales per ``filter``, per ``layer`` or ``none``.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    density: float = 0.1
    weight_bits: int = 8
    coefficients: str = "bitmap"
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "pruned"
    reference: ClassVar[str] = "han2016deep"
    grid: ClassVar[Grid] = {"density": (0.25, 0.5), "weight_bits": (3, 4), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require_density()
        self._require_bits("weight_bits")
        self._require_choice("coefficients", FORMS)
        self._require_choice("scale", SCALES)
        self._require_scale_bits()

    def check(self, shape: ConvShape) -> None:
        """Every layer can be pruned."""

    def nonzeros(self, shape: ConvShape, used: LayerUsage) -> Count:
        """Weights kept: of the fitted layer where known, else density times weights."""
        return round_share(self.density, shape.weights) if used.nonzeros is None else used.nonzeros

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights b*nnz; index one bit a weight, or nnz*L2((c/g)*d^2) and n row counts; scales as
        `costmodels.scales.scale_storage_bits`."""
        row = shape.group_inputs * shape.kernel_area
        nonzeros = self.nonzeros(shape, used)
        values, index = sparse_bits(
            self.coefficients, shape.weights, shape.out_channels, row, nonzeros, self.weight_bits
        )
        scales = quantizer_scale_bits(self.weight_bits, quantizer_scales(self.scale, shape), self.scale_bits)
        return {"weights": values, "index": index, "scales": scales}

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """nnz*H'W' accumulations; reading the places is no arithmetic."""
        count = self.nonzeros(shape, used) * shape.weight_uses
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, count, activation_bits)
        return {DIRECT: Operations(macs=macs, additions=additions, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return (self.scale == "filter" and self.scale_bits == FLOAT_BITS) or self.weight_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``weights`` (nonzeros,) with their ``mask`` (n, c/g*d^2), or ``counts`` (n,) and ``positions`` (nonzeros,);
        ``scales`` where the weights are quantized."""
        rows = shape.out_channels, shape.group_inputs * shape.kernel_area
        weights = sparse_fields("weights", self.coefficients, rows, numbers(self.weight_bits), nonzeros)
        return *weights, *(scale_fields(self.scale, shape, self.scale_bits) if self.weight_bits != FLOAT_BITS else ())

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """The weights that are stored; none of them is zero."""
        return LayerUsage(nonzeros=int(np.count_nonzero(arrays["weights"])))

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
        row = shape.group_inputs * shape.kernel_area
        return KernelPath(self.name, method, INTEGER, 1, sum_words(row << self.weight_bits + activation_bits))

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """The weights kept, read with their places."""
        return rows_work(shape, self.coefficients, self.nonzeros(shape, used), activation_bits, path)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any density, width, storage and scale."""
        scales = draw.one_of(*SCALES), draw.one_of(*SCALE_BITS)
        return cls(draw.density, draw.bits(), draw.one_of(*FORMS), *scales)

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """A tenth of the weights at four bits."""
        return cls(0.1, 4, "bitmap" if shape.weights > LARGEST_BITMAP else "index")

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers and floats."""
        form = draw.one_of(*FORMS)
        return [
            (cls(draw.density, draw.bits(), form), DIRECT, draw.one_of(4, 8)),
            (cls(draw.density, draw.one_of(4, 8, 32), form), DIRECT, 32),
        ]
