"""Stacked binary filters (paper 1): Lan & Lan, AAAI 2021."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

from costmodels.machine import FLOAT, PLANES, KernelPath
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, Grid, Timed
from costmodels.schemes.draw import Draw
from costmodels.schemes.stacked.form import SCALES, StackedForm
from costmodels.shapes import ConvShape

__all__ = ["StackedBinary"]


@final
@dataclass(frozen=True)
class StackedBinary(StackedForm):
    """Filters stacked from k shared +-1 filters of s channels, one for each segment.

    Args:
        segment_channels: s, a divisor of the channels of a group.
        filters: k, of each group.
        scale: alpha: ``none``, per ``filter`` or per ``segment`` of a filter (unknown in the paper: a switch).
        selection: the index idx as ``packed`` L2(k) bits, ``one-hot`` k bits, or ``uncounted`` (as LegoNet's table
            does).
        scale_bits: of a stored alpha, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range, or on `check`, the segments do not divide the channels.
    """

    name: ClassVar[str] = "stacked-binary"
    reference: ClassVar[str] = "lan2021stacking"
    grid: ClassVar[Grid] = {
        "segments": (1, 2, 4),
        "filters": ("1/8", "1/4", "1/2"),
        "scale": ("filter",),
        "scale_bits": (8,),
    }
    in_default_grid: ClassVar[bool] = True
    bits: ClassVar[int] = 1

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Where activations are integers and no segment has a scale."""
        return activation_bits != FLOAT_BITS and self.scale != "segment"

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """Popcounts; with scales of segments the sums are floats, and directly the filters too."""
        if activation_bits == FLOAT_BITS or (self.scale == "segment" and method == DIRECT):
            return KernelPath(self.name, method, FLOAT)
        if self.scale == "segment":
            return KernelPath(self.name, method, PLANES)
        code_sum = largest_code_sum(shape.group_inputs * shape.kernel_area, self.bits)
        return integer_path(self.name, method, self.bits, activation_bits, code_sum)

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """One segment, a quarter of the filters."""
        return cls(shape.group_inputs, -(-shape.group_outputs // 4), "filter")

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Few bits and floats; directly with scales of segments too, which rebuild the filters."""
        stacked = cls(draw.segment_channels, draw.filters, draw.one_of(*SCALES))
        whole = cls(draw.segment_channels, draw.filters, draw.one_of("none", "filter"))
        return [
            (stacked, SHARED_MAPS, draw.one_of(1, 2, 4, 8)),
            (stacked, SHARED_MAPS, 32),
            (whole, DIRECT, draw.one_of(1, 2, 4, 8)),
            (stacked, DIRECT, 32),
        ]
