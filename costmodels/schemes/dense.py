"""Dense: every weight stored, at b bits. Uniform quantization, and binary weights at b = 1.

Sources: XNOR-Net (ECCV 2016) for b = 1 with one scale per filter; plain uniform quantization otherwise.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from costmodels.numbers import Count, select
from costmodels.schemes.bank import quantizer_scale_bits
from costmodels.schemes.base import FLOAT_BITS, LayerUsage, Operations, Scheme, weight_bit_ops
from costmodels.shapes import ConvShape

__all__ = ["Dense", "quantizer_scales"]

SCALES = ("filter", "layer", "none")


def quantizer_scales(scale: str, shape: ConvShape) -> int:
    """How many quantizer scales a layer stores."""
    return {"filter": shape.out_channels, "layer": 1, "none": 0}[scale]


@final
@dataclass(frozen=True)
class Dense(Scheme):
    """Weights of ``weight_bits`` bits; 1 is +-1, 32 is unquantized float.

    Args:
        weight_bits: 1 to 16, or 32.
        scale: quantizer scales of 32 bits each, per ``filter``, per ``layer`` or ``none``; a 32-bit layer has none. The
            scale is the requantization factor of the output and counts no operation of its own.

    Raises:
        SchemeError: a parameter is out of range.
    """

    weight_bits: int = 8
    scale: str = "filter"
    name: ClassVar[str] = "dense"
    reference: ClassVar[str] = "rastegari2016xnor"

    def __post_init__(self) -> None:
        self._require_bits("weight_bits")
        self._require_choice("scale", SCALES)

    def check(self, shape: ConvShape) -> None:
        """Every layer can be dense."""

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights b*n*(c/g)*d^2; scales 32 each."""
        scales = quantizer_scales(self.scale, shape)
        return {"weights": self.weight_bits * shape.weights, "scales": quantizer_scale_bits(self.weight_bits, scales)}

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """n*(c/g)*d^2*H'W' accumulations; additions alone at one bit."""
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, shape.dense_macs, activation_bits)
        return {"direct": Operations(macs=macs, additions=additions, bit_ops=bit_ops)}

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return self.scale == "filter" or bool(select(self.weight_bits == FLOAT_BITS, True, False))
