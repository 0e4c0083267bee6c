"""Convolutions and linear layers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from explorer.device_code.forms.coded_filters import CodedFilters
from explorer.device_code.steps.step import Finish, Step, Values
from explorer.device_code.steps.window import Window

__all__ = ["ConvStep"]


@dataclass(frozen=True, eq=False)
class ConvStep(Step):
    """A convolution or linear layer.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        source: number of the input.
        channels: of the input.
        groups: of channels.
        window: of its taps.
        zero: the input's level of 0.
        coded: the filters.
        form: the compressed form in words.
        finish: of the sums.
    """

    source: int
    channels: int
    groups: int
    window: Window
    zero: int
    coded: CodedFilters
    form: str
    finish: Finish
    kernel: ClassVar[str] = "conv"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.source,)

    @property
    def filter_bytes(self) -> int:
        """Of a decoded filter, in whole words of 4 bytes."""
        return -(-2 * int(np.prod(self.coded.filters.shape[1:])) // 4) * 4

    @property
    def work_bytes(self) -> int:
        """A decoded filter, and what decoding takes."""
        return self.filter_bytes + self.coded.work_bytes

    @property
    def macs(self) -> int:
        """Every weight at every output place."""
        return self.coded.filters.size * self.window.output_size[0] * self.window.output_size[1]

    def run(self, values: Values) -> np.ndarray:
        """Sums in float64, which holds every integer of 32 bits and its products exactly."""
        images = values[self.source].reshape(-1, *self.window.input_size, self.channels).astype(np.float64) - self.zero
        found = []
        for group, filters in enumerate(np.split(self.coded.filters.astype(np.float64), self.groups)):
            members = filters.shape[1]
            part = images[..., group * members : (group + 1) * members]
            taps = self.window.taps(part, 0).reshape(*_outer(part, self.window), -1)
            found.append(taps @ filters.transpose(0, 2, 3, 1).reshape(len(filters), -1).T)
        sums = np.concatenate(found, axis=-1)
        return self.finish(sums.astype(np.int64)).reshape(len(images), -1)


def _outer(images: np.ndarray, window: Window) -> tuple[int, int, int]:
    return len(images), *window.output_size
