"""Pooling: maxima, and sums that the finish divides."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.steps.step import Finish, Step, Values
from explorer.deployment.device_code.steps.window import Window

__all__ = ["MaxPoolStep", "SumPoolStep"]


@dataclass(frozen=True, eq=False)
class MaxPoolStep(Step):
    """The largest level of each window; the output is on the input's levels.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        source: number of the input.
        channels: of it.
        window: of its taps.
    """

    source: int
    channels: int
    window: Window
    kernel: ClassVar[str] = "max_pool"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.source,)

    def run(self, values: Values) -> np.ndarray:
        """What lies around the input is below every level."""
        images = values[self.source].reshape(-1, *self.window.input_size, self.channels)
        taps = self.window.taps(images.astype(np.int64), np.iinfo(np.int8).min)
        return np.asarray(taps.max(axis=(3, 4))).reshape(len(images), -1)


@dataclass(frozen=True, eq=False)
class SumPoolStep(Step):
    """The sum of each window, which the finish divides.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        source: number of the input.
        channels: of it.
        window: of its taps.
        zero: the input's level of 0.
        finish: of the sums.
    """

    source: int
    channels: int
    window: Window
    zero: int
    finish: Finish
    kernel: ClassVar[str] = "sum_pool"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.source,)

    def run(self, values: Values) -> np.ndarray:
        """Sums of levels less the zero point."""
        images = values[self.source].reshape(-1, *self.window.input_size, self.channels)
        taps = self.window.taps(images.astype(np.int64) - self.zero, 0)
        return self.finish(taps.sum(axis=(3, 4))).reshape(len(images), -1)
