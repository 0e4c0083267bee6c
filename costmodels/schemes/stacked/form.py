"""What stacked binary filters (paper 1) and, at 32 bits, LegoNet have in common.

W_i = concat over segments j of alpha_ij * B_idx(i,j), with B_1..B_k shared by all filters of a group.
Source: Lan & Lan, AAAI 2021; the layer's formulas follow LegoNet (ICML 2019), equations 3 and 7 to 9, with binary
filters.
"""

import abc
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from costmodels.layout import LAYER, UNCOUNTED, Arrays, Field, choices, one_hot, scale_numbers
from costmodels.machine import KernelPath
from costmodels.machine.entries import merging_work
from costmodels.numbers import Count, ceil_log2
from costmodels.scales import SCALE_BITS, scale_storage_bits
from costmodels.schemes.bank import bank_bits, maps_bound, row_scratch_bytes, segments, transform_count
from costmodels.schemes.bank_form import BankForm
from costmodels.schemes.base import (
    ACCUMULATOR_BITS,
    DIRECT,
    FLOAT_BITS,
    SCALE_BIT_OPS,
    SHARED_MAPS,
    LayerUsage,
    Operations,
    weight_bit_ops,
)
from costmodels.schemes.draw import Draw
from costmodels.shapes import ConvShape

__all__ = ["SCALES", "StackedForm"]

SCALES = ("none", "filter", "segment")
SELECTIONS = ("packed", "one-hot", "uncounted")


@dataclass(frozen=True)
class StackedForm(BankForm, abc.ABC):
    """Filters stacked from k shared ones of s channels, one for each segment.

    Class attributes:
        bits: of the shared filters, which tell the forms apart.
    """

    scale: str = "none"
    selection: str = "packed"
    scale_bits: int = FLOAT_BITS
    bits: ClassVar[int]

    def __post_init__(self) -> None:
        self._require_positive("segment_channels", "filters")
        self._require_choice("scale", SCALES)
        self._require_choice("selection", SELECTIONS)
        self._require_scale_bits()

    def _scales(self, shape: ConvShape) -> Count:
        """Numbers alpha: none, n, or n*S."""
        return {"none": 0, "filter": 1, "segment": segments(shape, self.segment_channels)}[
            self.scale
        ] * shape.out_channels

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """basis g*b*k*s*d^2; selection n*S*L2(k) packed or n*S*k one-hot; scales as
        `costmodels.scales.scale_storage_bits`."""
        slots = shape.out_channels * segments(shape, self.segment_channels)
        per_slot = {"packed": ceil_log2(self.filters), "one-hot": self.filters, "uncounted": 0}[self.selection]
        return {
            "basis": bank_bits(shape, self.segment_channels, self.filters, self.bits),
            "selection": slots * per_slot,
            "scales": scale_storage_bits(self.scale_bits, self._scales(shape)),
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
            DIRECT: (shape.dense_macs, merges if self.scale == "segment" else 0, 0),
            SHARED_MAPS: (
                transform_count(shape, self.segment_channels, maps),
                merges,
                row_scratch_bytes(shape, self.segment_channels, self.filters),
            ),
        }
        executions = {}
        for execution, (accumulations, merge_count, scratch) in counts.items():
            macs, additions, bit_ops = weight_bit_ops(self.bits, accumulations, activation_bits)
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
        """Whether there are scales, of floats."""
        return self.scale != "none" and self.scale_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``bank`` (g, k, s, kh, kw), ``selection`` (n, S), and ``scales`` (n,) or (n, S) where there are some."""
        slots = self._slots(shape)
        dtype, home = np.min_scalar_type(self.filters - 1), UNCOUNTED if self.selection == "uncounted" else LAYER
        selected = (one_hot if self.selection == "one-hot" else choices)(self.filters, dtype)
        fields = self._bank_field("bank", shape), Field("selection", "selection", slots, selected, home)
        if self.scale == "none":
            return fields
        scales = slots[:1] if self.scale == "filter" else slots
        return *fields, Field("scales", "scales", scales, scale_numbers(self.scale_bits))

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """The distinct (group, segment, filter) triples that are selected."""
        selection = arrays["selection"]
        filters, segment = np.indices(selection.shape)
        triples = (filters // shape.group_outputs * selection.shape[1] + segment) * self.filters + selection.astype(int)
        return LayerUsage(pairs=len(np.unique(triples)))

    @property
    def filter_bits(self) -> int:
        """Those of a low-dimensional filter."""
        return self.bits

    @property
    def scales_outputs(self) -> bool:
        """Where there is one for each filter; scales of segments are multiplied into their maps."""
        return self.scale == "filter"

    def _rebuilding_work(self, shape: ConvShape, used: LayerUsage) -> dict[str, float]:
        return {"reconstructed": shape.weights}

    def _mixing_work(self, shape: ConvShape, path: KernelPath, blocks: list[int], used: LayerUsage) -> dict[str, float]:
        slots = self._slots(shape)
        return merging_work(slots[0] * slots[1], blocks, path)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any segments, filters, scale and selection."""
        switches = draw.one_of(*SCALES), draw.one_of(*SELECTIONS), draw.one_of(*SCALE_BITS)
        return cls(draw.segment_channels, draw.filters, *switches)
