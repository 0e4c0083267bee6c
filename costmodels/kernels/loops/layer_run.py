"""One layer on one image, and the loops that all executions share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from costmodels.kernels.loops.counter import Counter
from costmodels.shapes import ConvShape, Pair

__all__ = ["Channel", "Kernel", "LayerRun", "Window", "value_at"]

Channel = list[list[Any]]
"""A map of the input: rows of numbers."""

Kernel = list[Any]
"""The kh*kw weights of one input channel, row by row."""

Window = list[Pair | None]
"""For each weight of a kernel the (row, column) of the input value that it meets; none where that is padding."""


def value_at(channel: Channel, place: Pair | None) -> Any:
    """The input value at a place of a window, zero in the padding."""
    return 0 if place is None else channel[place[0]][place[1]]


@dataclass(frozen=True, eq=False)
class LayerRun:
    """What an execution reads, and the counter and the output that it writes.

    Args:
        shape: the layer.
        scheme: its compressed form.
        arrays: the unpacked layer.
        image: (c, H, W) as nested lists.
        output: (n, H', W') likewise.
        counter: of the operations.
    """

    shape: ConvShape
    scheme: Any
    arrays: Mapping[str, np.ndarray]
    image: list[Channel]
    output: list[Channel]
    counter: Counter

    def rows(self, name: str, *sizes: int) -> list[Any]:
        """An array as nested lists of these sizes."""
        found: list[Any] = self.arrays[name].reshape(sizes).tolist()
        return found

    @cached_property
    def scales(self) -> list[Any]:
        """The scales as nested lists, empty where the layer stores none."""
        return self.arrays["scales"].tolist() if "scales" in self.arrays else []

    def output_scale(self, filter_index: int) -> float | None:
        """The scale of a filter, or that of the layer; none where the layer stores none."""
        if not self.scales:
            return None
        return float(self.scales[filter_index if len(self.scales) > 1 else 0])

    def filters(self, group: int) -> range:
        """The filters of a group."""
        return range(group * self.shape.group_outputs, (group + 1) * self.shape.group_outputs)

    def channels(self, group: int) -> list[Channel]:
        """The input channels of a group."""
        return self.image[group * self.shape.group_inputs : (group + 1) * self.shape.group_inputs]

    @cached_property
    def windows(self) -> list[list[Window]]:
        """The window of every output position, by row and column."""
        height, width = self.shape.output_size
        return [[self._window(row, column) for column in range(width)] for row in range(height)]

    def _window(self, row: int, column: int) -> Window:
        shape = self.shape
        top, left = shape.pads[0][0], shape.pads[1][0]
        window: Window = []
        for kernel_row in range(shape.kernel[0]):
            for kernel_column in range(shape.kernel[1]):
                y = row * shape.stride[0] + kernel_row * shape.dilation[0] - top
                x = column * shape.stride[1] + kernel_column * shape.dilation[1] - left
                inside = 0 <= y < shape.input_size[0] and 0 <= x < shape.input_size[1]
                window.append((y, x) if inside else None)
        return window

    def positions(self) -> Iterator[tuple[int, int, Window]]:
        """(row, column, window) of every output position."""
        for row, windows in enumerate(self.windows):
            for column, window in enumerate(windows):
                yield row, column, window

    def dot(
        self,
        channels: list[Channel],
        kernels: list[Kernel],
        window: Window,
        weight_bits: int,
        value_bits: int | None = None,
        total: Any = 0,
    ) -> Any:
        """``total`` and every weight of the kernels times the value that it meets, one accumulation each.

        Weights that meet padding accumulate a zero: a layer takes its weights times its output positions.

        Args:
            channels: the input channels that the weights meet.
            kernels: one for each channel.
            window: where the values lie, one place for each weight of a kernel.
            weight_bits: of a weight.
            value_bits: of the values; those of activations, if not given.
            total: what the sum starts from.
        """
        for channel, kernel in zip(channels, kernels, strict=True):
            for place, weight in zip(window, kernel, strict=True):
                total += weight * value_at(channel, place)
                self.counter.accumulate(weight_bits, value_bits or self.counter.activation_bits)
        return total
