"""Convolutions of each channel by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.forms.coded_filters import LARGEST_FILTER, LARGEST_SUM, Fact
from explorer.deployment.device_code.steps.conv import ConvStep
from explorer.deployment.device_code.steps.stored_codes import NO_CODES

__all__ = ["DepthwiseStep"]

LEAST_SHIFT = 13
"""r from which on m / 2^r is below a half, so that a level is the upper word of one product."""

MOST_LEVEL = 255
"""The largest value of an input less its zero point."""


@dataclass(frozen=True, eq=False)
class DepthwiseStep(ConvStep):
    """A convolution of each channel by one filter whose taps lie side by side; arguments as of `ConvStep`.

    ``most_at_once`` is how many rows of outputs are computed of a channel before the next are.
    """

    kernel: ClassVar[str] = "depthwise"

    @property
    def at_once(self) -> int:
        """Rows of outputs."""
        return min(self.most_at_once, self.window.output_size[0])

    @property
    def work_bytes(self) -> int:
        """The filter's rows, a band of the input's, the filter as it is decoded, all in halfwords; and of decoding."""
        height, width = self.window.kernel
        taps = _even(width)
        pitch = _even((self.window.output_size[1] - 1) * self.window.stride[1] + taps)
        rows = (self.at_once - 1) * self.window.stride[0] + height
        return 2 * (height * taps + rows * pitch + _even(height * width)) + self.coded.work_bytes

    @property
    def sources(self) -> tuple[str, ...]:
        """What decodes filters."""
        return (self.coded.kernel,)

    @property
    def code_facts(self) -> Mapping[str, Fact]:
        """None: filters are taken as they are decoded, times a power of two."""
        return {**NO_CODES, "down": self.raised}

    @property
    def raised(self) -> int:
        """By how many bits filters are raised, so that few bits of weights make no steep factors, which kernels take
        one output after the other: as many as the steepest needs and 16 bits of filters and 32 of sums leave."""
        if self.finish.range is not None:
            return 0
        sizes = np.abs(self.coded.filters.astype(np.int64))
        room = min(
            LARGEST_FILTER // max(sizes.max(), 1), LARGEST_SUM // max(sizes.sum((1, 2, 3)).max() * MOST_LEVEL, 1)
        )
        return max(0, min(LEAST_SHIFT - self.finish.fixed.shift, int(room).bit_length() - 1))

    @property
    def in_place(self) -> tuple[int, ...]:
        """Over the input, where no output lies behind a value that is still to be read."""
        is_behind = self.window.output_size[1] <= self.window.input_size[1]
        return self.inputs if is_behind and self.finish.range is None else ()


def _even(count: int) -> int:
    return -(-count // 2) * 2
