"""The steps of an integer network: what each kernel of the C program computes, to the last integer.

Values are levels as the program has them, from -2^(b-1) to 2^(b-1) - 1, channels last: arrays (images, places) whose
places are those of the program's memory. numpy's integers have 64 bits; the program's sums have 32, which the filters
are made to fit (`explorer.deployment.device_code.forms`).
"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.fixed_point import FixedPoint

__all__ = ["Finish", "Size", "Step", "Values"]

Size = tuple[int, int, int]
"""Height, width and channels."""

Values = Mapping[int, np.ndarray]
"""(images, places) of each tensor by its number."""


@dataclass(frozen=True, eq=False)
class Finish:
    """What becomes of sums: levels between two of them, or floats within a range.

    Args:
        fixed: factors and shifts of the channels.
        low: the lowest level.
        high: the highest level.
        range: of floats; None for levels.
    """

    fixed: FixedPoint
    low: int = 0
    high: int = 0
    range: tuple[float, float] | None = None

    def __call__(self, sums: np.ndarray) -> np.ndarray:
        """Levels, or float32, of integer sums (..., channels)."""
        if self.range is None:
            return np.asarray(np.clip(self.fixed.levels(sums), self.low, self.high))
        return np.asarray(np.clip(self.fixed.floats(sums), *np.array(self.range, np.float32)))


@dataclass(frozen=True, eq=False)
class Step(abc.ABC):
    """One call of a kernel.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
    """

    name: str
    output: int
    kernel: ClassVar[str]

    @property
    @abc.abstractmethod
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the tensors that it reads."""

    @abc.abstractmethod
    def run(self, values: Values) -> np.ndarray:
        """(images, places) of the output."""

    @property
    def work_bytes(self) -> int:
        """Scratch that it takes."""
        return 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates that it does."""
        return 0

    @property
    def in_place(self) -> tuple[int, ...]:
        """Inputs that the output may be written over."""
        return ()
