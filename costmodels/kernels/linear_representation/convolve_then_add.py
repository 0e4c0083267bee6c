"""Convolve, then add: every channel's maps of the templates that it uses; then each kernel adds its share.

A tile of places at a time, and of a few channels at a time, so that their maps stay near the core while every
filter adds those that its kernels choose. The box sums of these channels stay there too, one more map of each.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodels.kernels.linear_representation.layer import Linear
from costmodels.kernels.linear_representation.lines import Lines, columns_of, flatten, gather, lines_of
from costmodels.kernels.linear_representation.template_maps import add_tiles
from costmodels.kernels.linear_representation.tiles import TILE, aligned_zeros
from costmodels.schemes.linear_representation.work import CHANNELS_AT_ONCE, MAPS_AT_ONCE

__all__ = ["ConvolveThenAdd"]


@dataclass(frozen=True, eq=False)
class Plan:
    """The kernels in the order in which they are used.

    Args:
        banks: the templates of each distinct set that channels use, and all ones with an offset; flat.
        channels: (c, 2) where a channel's bank starts, and its maps.
        blocks: (blocks, 5) channels from and to, filters from and to, and the place of the block's first kernel.
        maps: most of a block.
        rows: (n * c/g,) the place of every kernel's map, block by block and there filter by filter.
        factors: (n * c/g,) every kernel's a, in the same order.
        boxes: (c,) places of the box sums.
        b: the factors in the order of ``factors``; empty without an offset.
    """

    banks: np.ndarray
    channels: np.ndarray
    blocks: np.ndarray
    maps: int
    rows: np.ndarray
    factors: np.ndarray
    boxes: np.ndarray
    b: np.ndarray


class ConvolveThenAdd(Linear):
    """In tiles of places."""

    @property
    def lines(self) -> Lines:
        """Those of the image, or of its windows where these are not next to each other."""
        return lines_of(self.shape) if self.shape.stride == (1, 1) else columns_of(self.shape)

    @property
    def units(self) -> int:
        """Tiles of places."""
        return -(-self.lines.places // TILE)

    @cached_property
    def used(self) -> np.ndarray:
        """(c, K) booleans: whether a kernel of the channel has the template and an a that is not zero."""
        kernels, shape = self.prepared, self.shape
        used = np.zeros((shape.in_channels, len(kernels.templates)), bool)
        filters, channels = np.nonzero(kernels.a)
        inputs = filters // shape.group_outputs * shape.group_inputs + channels
        used[inputs, kernels.index[filters, channels]] = True
        return used

    @cached_property
    def plan(self) -> Plan:
        """Laid out once."""
        kernels, used, offset = self.prepared, self.used, self.prepared.b is not None
        sets, which = np.unique(used, axis=0, return_inverse=True)
        ones = np.ones((int(offset), self.shape.kernel_area), np.float32)
        banks = [np.concatenate([kernels.templates[chosen], ones]) for chosen in sets]
        sizes = np.array([len(bank) for bank in banks])
        starts = (sizes.cumsum() - sizes) * self.shape.kernel_area
        channels = np.stack([starts[which], sizes[which]], axis=1)
        blocks, bases = self._blocks(channels[:, 1])
        ranks = sets.cumsum(axis=1)[which] - 1
        inputs = self._inputs()
        rows = np.where(kernels.a != 0, bases[inputs] + ranks[inputs, kernels.index], 0) * TILE
        boxes = (bases + channels[:, 1] - 1) * TILE
        return Plan(
            np.concatenate([bank.reshape(-1) for bank in banks]),
            channels,
            blocks,
            int((bases + channels[:, 1]).max()),
            self._in_blocks(rows.astype(np.int32), blocks),
            self._in_blocks(kernels.a, blocks),
            boxes.astype(np.int32),
            np.zeros(0, np.float32) if kernels.b is None else self._in_blocks(kernels.b, blocks),
        )

    def _inputs(self) -> np.ndarray:
        """(n, c/g): the input channel of every kernel."""
        groups = np.arange(self.shape.out_channels) // self.shape.group_outputs
        return groups[:, None] * self.shape.group_inputs + np.arange(self.shape.group_inputs)

    def _blocks(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The blocks of a plan, and the first map of each channel in its block."""
        inputs, outputs = self.shape.group_inputs, self.shape.group_outputs
        blocks, bases, kernels = [], np.zeros(len(maps), np.int64), 0
        for group in range(self.shape.groups):
            first, end = group * inputs, (group + 1) * inputs
            while first < end:
                last, held = first, 0
                while last < end and (last - first < CHANNELS_AT_ONCE or held + maps[last] <= MAPS_AT_ONCE):
                    bases[last] = held
                    held += maps[last]
                    last += 1
                blocks.append((first, last, group * outputs, (group + 1) * outputs, kernels))
                kernels += outputs * (last - first)
                first = last
        return np.array(blocks), bases

    def _in_blocks(self, values: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        """Values (n, c/g) in the order of the blocks, flat."""
        inputs = self.shape.group_inputs
        parts = []
        for first, last, begin, end, _ in blocks:
            skipped = first // inputs * inputs
            parts.append(values[begin:end, first - skipped : last - skipped].reshape(-1))
        return np.ascontiguousarray(np.concatenate(parts))

    def read(self, image: np.ndarray) -> tuple[np.ndarray, Plan]:
        """The image in lines, and the plan."""
        spread = flatten if self.shape.stride == (1, 1) else gather
        return spread(image, self.shape, 2 * TILE + int(self.lines.offsets[-1])), self.plan

    def run(self, inputs: tuple[np.ndarray, Plan], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        source, plan = inputs
        lines = self.lines
        maps, sums = aligned_zeros(plan.maps * TILE), aligned_zeros(self.shape.out_channels * TILE)
        kernels = plan.rows, plan.factors, plan.boxes, plan.b
        scan = first, last, lines.step, lines.line, *lines.sizes
        add_tiles(source, lines.offsets, plan.banks, plan.channels, plan.blocks, kernels, scan, maps, sums, out)
