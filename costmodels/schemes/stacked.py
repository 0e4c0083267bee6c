"""Stacked low-dimensional filters: stacked binary filters (paper 1) and, at 32 bits, LegoNet.

W_i = concat over segments j of alpha_ij * B_idx(i,j), with B_1..B_k shared by all filters of a group.
Source: Lan & Lan, AAAI 2021; the layer's formulas follow LegoNet (ICML 2019), equations 3 and 7 to 9, with binary
filters.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from costmodels.numbers import Count, ceil_log2
from costmodels.schemes.bank import bank_bits, maps_bound, row_scratch_bytes, segments, transform_count
from costmodels.schemes.base import (
    ACCUMULATOR_BITS,
    FLOAT_BITS,
    SCALE_BIT_OPS,
    LayerUsage,
    Operations,
    Scheme,
    weight_bit_ops,
)
from costmodels.shapes import ConvShape

__all__ = ["LegoNet", "StackedBinary"]

SCALES = ("none", "filter", "segment")
SELECTIONS = ("packed", "one-hot", "uncounted")


@dataclass(frozen=True)
class _Stacked(Scheme):
    """The formulas that both share; ``filter_bits`` is what tells them apart."""

    segment_channels: int
    filters: int
    scale: str = "none"
    selection: str = "packed"
    filter_bits: ClassVar[int]

    def __post_init__(self) -> None:
        self._require_positive("segment_channels", "filters")
        self._require_choice("scale", SCALES)
        self._require_choice("selection", SELECTIONS)

    def check(self, shape: ConvShape) -> None:
        """Segments divide the channels of a group."""
        self._require_segments(shape, self.segment_channels)

    def _scales(self, shape: ConvShape) -> Count:
        """Numbers alpha: none, n, or n*S."""
        return {"none": 0, "filter": 1, "segment": segments(shape, self.segment_channels)}[
            self.scale
        ] * shape.out_channels

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """basis g*b*k*s*d^2; selection n*S*L2(k) packed or n*S*k one-hot; scales 32 bits each."""
        slots = shape.out_channels * segments(shape, self.segment_channels)
        per_slot = {"packed": ceil_log2(self.filters), "one-hot": self.filters, "uncounted": 0}[self.selection]
        return {
            "basis": bank_bits(shape, self.segment_channels, self.filters, self.filter_bits),
            "selection": slots * per_slot,
            "scales": FLOAT_BITS * self._scales(shape),
        }

    def _merging(self, shape: ConvShape, additions: Count) -> tuple[Count, Count, Count]:
        """(additions, multiplications, bit_ops) of merging and scaling, at the bits of partial sums."""
        additions = additions * shape.positions
        multiplications = self._scales(shape) * shape.positions
        bit_ops = ACCUMULATOR_BITS * additions + SCALE_BIT_OPS * multiplications
        return additions, multiplications, bit_ops

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """direct: filters read from the bank as they are needed, n*(c/g)*d^2*H'W' accumulations. shared-maps:
        s*d^2*H'W' for each map used, then n*(S-1)*H'W' merge additions. Scale multiplications n or n*S a position in
        both, as the paper's analysis counts them though a scale per filter could wait for the requantization of the
        output; a scale per segment keeps the segments' sums apart, so the direct execution then merges n*(S-1) sums
        too."""
        merges = shape.out_channels * (segments(shape, self.segment_channels) - 1)
        maps = maps_bound(shape, self.segment_channels, self.filters) if used.pairs is None else used.pairs
        counts = {
            "direct": (shape.dense_macs, merges if self.scale == "segment" else 0, 0),
            "shared-maps": (
                transform_count(shape, self.segment_channels, maps),
                merges,
                row_scratch_bytes(shape, self.segment_channels, self.filters),
            ),
        }
        executions = {}
        for execution, (accumulations, merge_count, scratch) in counts.items():
            macs, additions, bit_ops = weight_bit_ops(self.filter_bits, accumulations, activation_bits)
            merged, multiplications, merge_bit_ops = self._merging(shape, merge_count)
            executions[execution] = Operations(
                macs=macs,
                additions=additions + merged,
                multiplications=multiplications,
                bit_ops=bit_ops + merge_bit_ops,
                scratch_bytes=scratch,
            )
        return executions

    @property
    def takes_channel_scale(self) -> bool:
        return self.scale != "none"


@final
@dataclass(frozen=True)
class StackedBinary(_Stacked):
    """Filters stacked from k shared +-1 filters of s channels, one for each segment.

    Args:
        segment_channels: s, a divisor of the channels of a group. filters: k, of each group.
        scale: alpha of 32 bits: ``none``, per ``filter`` or per ``segment`` of a filter (unknown in the paper: a
            switch).
        selection: the index idx as ``packed`` L2(k) bits, ``one-hot`` k bits, or ``uncounted`` (as LegoNet's table
            does).

    Raises:
        SchemeError: a parameter is out of range, or on `check`, the segments do not divide the channels.
    """

    name: ClassVar[str] = "stacked-binary"
    reference: ClassVar[str] = "lan2021stacking"
    filter_bits: ClassVar[int] = 1


@final
@dataclass(frozen=True)
class LegoNet(_Stacked):
    """The same structure with 32-bit filters: LegoNet. Parameters as for `StackedBinary`; it has n*S coefficients."""

    scale: str = "segment"
    name: ClassVar[str] = "lego-net"
    reference: ClassVar[str] = "yang2019legonet"
    filter_bits: ClassVar[int] = FLOAT_BITS
