"""Copies: a part of a tensor on other levels, and channels last to channels first."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.steps.part import Part
from explorer.deployment.device_code.steps.step import Finish, Step, Values

__all__ = ["FlattenStep", "RescaleStep"]


@dataclass(frozen=True, eq=False)
class RescaleStep(Step):
    """A part of a tensor on other levels, as some channels of the output.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        part: what is copied.
        zero: its level of 0.
        finish: of a value less its zero point.
        row_length: channels of the whole output.
        first: channel of the output where the part begins.
    """

    part: Part
    zero: int
    finish: Finish
    row_length: int
    first: int = 0
    kernel: ClassVar[str] = "rescale"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.part.tensor,)

    @property
    def in_place(self) -> tuple[int, ...]:
        """Over the input, where all of it is taken value by value."""
        alone = self.part.is_whole and self.row_length == self.part.out[2] and not self.finish.range
        return self.inputs if alone else ()

    def run(self, values: Values) -> np.ndarray:
        """The part, within what the output has so far."""
        found = self.finish(self.part.read(values, self.zero))
        shape = (len(found), *self.part.out[:2], self.row_length)
        known = values.get(self.output)
        whole = np.zeros(shape, found.dtype) if known is None else known.reshape(shape).copy()
        whole[..., self.first : self.first + found.shape[3]] = found
        return whole.reshape(len(found), -1)


@dataclass(frozen=True, eq=False)
class FlattenStep(Step):
    """Channels last to channels first.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        source: number of the input.
        places: rows times columns.
        channels: of it.
    """

    source: int
    places: int
    channels: int
    kernel: ClassVar[str] = "flatten"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.source,)

    def run(self, values: Values) -> np.ndarray:
        """The same values in another order."""
        images = values[self.source].reshape(-1, self.places, self.channels)
        return np.asarray(images.transpose(0, 2, 1)).reshape(len(images), -1)
