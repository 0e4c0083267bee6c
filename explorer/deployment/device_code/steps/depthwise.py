"""Convolutions of each channel by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from explorer.deployment.device_code.forms.coded_filters import Fact
from explorer.deployment.device_code.steps.conv import ConvStep
from explorer.deployment.device_code.steps.stored_codes import NO_CODES

__all__ = ["DepthwiseStep"]


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
        """None: filters are taken as they are decoded."""
        return NO_CODES

    @property
    def in_place(self) -> tuple[int, ...]:
        """Over the input, where no output lies behind a value that is still to be read."""
        is_behind = self.window.output_size[1] <= self.window.input_size[1]
        return self.inputs if is_behind and self.finish.range is None else ()


def _even(count: int) -> int:
    return -(-count // 2) * 2
