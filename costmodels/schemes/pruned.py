"""Pruned: magnitude pruning, the weights that are left stored at b bits with their places.

Source: Deep Compression (ICLR 2016) for sparse storage with index; bitmap storage is the plain alternative.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from costmodels.numbers import Count, round_share
from costmodels.schemes.bank import quantizer_scale_bits, sparse_bits
from costmodels.schemes.base import FLOAT_BITS, LayerUsage, Operations, Scheme, weight_bit_ops
from costmodels.schemes.dense import SCALES, quantizer_scales
from costmodels.shapes import ConvShape

__all__ = ["Pruned"]

FORMS = ("bitmap", "index")


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

    Raises:
        SchemeError: a parameter is out of range.
    """

    density: float = 0.1
    weight_bits: int = 8
    coefficients: str = "bitmap"
    scale: str = "filter"
    name: ClassVar[str] = "pruned"
    reference: ClassVar[str] = "han2016deep"

    def __post_init__(self) -> None:
        self._require_density()
        self._require_bits("weight_bits")
        self._require_choice("coefficients", FORMS)
        self._require_choice("scale", SCALES)

    def check(self, shape: ConvShape) -> None:
        """Every layer can be pruned."""

    def nonzeros(self, shape: ConvShape, used: LayerUsage) -> Count:
        """Weights kept: of the fitted layer where known, else density times weights."""
        return round_share(self.density, shape.weights) if used.nonzeros is None else used.nonzeros

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights b*nnz; index one bit a weight, or nnz*L2((c/g)*d^2) and n row counts; scales 32 each."""
        row = shape.group_inputs * shape.kernel_area
        nonzeros = self.nonzeros(shape, used)
        values, index = sparse_bits(
            self.coefficients, shape.weights, shape.out_channels, row, nonzeros, self.weight_bits
        )
        scales = quantizer_scale_bits(self.weight_bits, quantizer_scales(self.scale, shape))
        return {"weights": values, "index": index, "scales": scales}

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """nnz*H'W' accumulations; reading the places is no arithmetic."""
        count = self.nonzeros(shape, used) * shape.positions
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, count, activation_bits)
        return {"direct": Operations(macs=macs, additions=additions, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return self.scale == "filter" or self.weight_bits == FLOAT_BITS
