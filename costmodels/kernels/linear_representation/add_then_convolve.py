"""Add, then convolve: filter by filter, the channels of each template are added up, and then each sum is convolved.

A few output lines at a time, and of these a few filters at a time, so that a row of the input is loaded near the core
once for several filters. The sums are convolved column by column of the kernel: a row of them is loaded once for all
elements of a kernel's line, and the results are shifted and added at the end.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodels.kernels.linear_representation.layer import Linear
from costmodels.kernels.linear_representation.lines import flatten, lines_of
from costmodels.kernels.linear_representation.template_sums import convolve_tiles
from costmodels.kernels.linear_representation.tiles import MOST_SUMS, TILE, aligned_zeros
from costmodels.schemes.linear_representation.work import PLACES_AT_ONCE, SUMS_AT_ONCE

__all__ = ["AddThenConvolve"]


@dataclass(frozen=True, eq=False)
class Plan:
    """The kernels in the order in which they are used.

    Args:
        rows: (n, c/g) flat, template by template: where a channel starts.
        factors: (n, c/g) flat, a in the same order.
        b: (n, c/g), in order of channels; empty without an offset.
        channels: (c,) where each starts.
        starts: (n + 1,) the first sum of each filter.
        ends: of every sum, the kernels up to it.
        templates: of every sum, its template.
        elements: (K, kh*kw) flat.
    """

    rows: np.ndarray
    factors: np.ndarray
    b: np.ndarray
    channels: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    templates: np.ndarray
    elements: np.ndarray


@dataclass(frozen=True, eq=False)
class Extents:
    """Of a tile of output lines.

    Args:
        lines: of the output.
        results: places to convolve at, with those that are shifted.
        sums: places to add up.
    """

    lines: int
    results: int
    sums: int


class AddThenConvolve(Linear):
    """In tiles of output lines."""

    @property
    def units(self) -> int:
        """Filters."""
        return self.shape.out_channels

    @cached_property
    def extents(self) -> Extents:
        """Nearly equal tiles."""
        lines, width = lines_of(self.shape), self.shape.kernel[1]
        height = self.shape.output_size[0]
        tiles = -(-height // max(1, PLACES_AT_ONCE // lines.line))
        some = -(-height // tiles)
        places = lines.line * (some - 1) + lines.stride * (lines.sizes[1] - 1) + 1
        results = _whole(places + int(lines.offsets[width - 1]))
        return Extents(some, results, _whole(results + int(lines.offsets[-width])))

    @cached_property
    def plan(self) -> Plan:
        """Laid out once."""
        kernels, shape, step = self.prepared, self.shape, lines_of(self.shape).step
        order = np.argsort(kernels.index, axis=1, kind="stable")
        index = np.take_along_axis(kernels.index, order, axis=1)
        groups = np.arange(shape.out_channels)[:, None] // shape.group_outputs
        rows = (groups * shape.group_inputs + order) * step
        last = np.ones(index.shape, bool)
        last[:, :-1] = index[:, 1:] != index[:, :-1]
        return Plan(
            rows.reshape(-1).astype(np.int32),
            np.take_along_axis(kernels.a, order, axis=1).reshape(-1),
            np.zeros(0, np.float32) if kernels.b is None else kernels.b.reshape(-1),
            (np.arange(shape.in_channels) * step).astype(np.int32),
            np.append(0, last.sum(axis=1).cumsum()),
            np.flatnonzero(last) + 1,
            index[last].astype(np.int64),
            kernels.templates.reshape(-1),
        )

    def read(self, image: np.ndarray) -> tuple[np.ndarray, Plan]:
        """The image in lines, and the plan."""
        return flatten(image, self.shape, self.extents.sums), self.plan

    def run(self, inputs: tuple[np.ndarray, Plan], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        source, plan = inputs
        shape, lines, extents = self.shape, lines_of(self.shape), self.extents
        slots = int(np.diff(plan.starts).max()) + 1
        at_once = max(1, SUMS_AT_ONCE // (slots * extents.sums) // MOST_SUMS * MOST_SUMS)
        sums, results = aligned_zeros(at_once * slots * extents.sums), aligned_zeros(shape.kernel[1] * extents.results)
        kernels = plan.rows, plan.factors, plan.b, plan.channels
        templates = plan.starts, plan.ends, plan.templates, plan.elements
        scan = first, last, at_once, slots, shape.group_outputs, shape.group_inputs
        sizes = extents.lines, extents.results, extents.sums, lines.line, lines.stride, *shape.output_size
        convolve_tiles(source, kernels, templates, lines.offsets, shape.kernel[1], scan, sizes, sums, results, out)


def _whole(places: int) -> int:
    """Rounded up to whole rows."""
    return -(-places // TILE) * TILE
