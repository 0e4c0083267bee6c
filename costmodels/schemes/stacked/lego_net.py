"""LegoNet (ICML 2019): stacked filters of 32 bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

from costmodels.machine import FLOAT, KernelPath
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, Grid, Timed
from costmodels.schemes.draw import Draw
from costmodels.schemes.stacked.form import StackedForm
from costmodels.shapes import ConvShape

__all__ = ["LegoNet"]


@final
@dataclass(frozen=True)
class LegoNet(StackedForm):
    """The same structure with 32-bit filters: LegoNet. Parameters as for `StackedBinary`; it has n*S coefficients."""

    scale: str = "segment"
    name: ClassVar[str] = "lego-net"
    reference: ClassVar[str] = "yang2019legonet"
    grid: ClassVar[Grid] = {}
    in_default_grid: ClassVar[bool] = False
    bits: ClassVar[int] = FLOAT_BITS

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Floats are not."""
        return False

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """Products of floats."""
        return KernelPath(self.name, method, FLOAT)

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """One segment, an eighth of the filters."""
        return cls(shape.group_inputs, -(-shape.group_outputs // 8))

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers and floats."""
        lego, bits = cls(draw.segment_channels, draw.filters), draw.one_of(8, 32)
        return [(lego, SHARED_MAPS, bits), (lego, DIRECT, bits)]
