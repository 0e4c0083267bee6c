"""Two tensors added."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.fixed_point import SHIFT_BITS
from explorer.deployment.device_code.steps.step import Finish, Step, Values

__all__ = ["AddStep"]


@dataclass(frozen=True, eq=False)
class AddStep(Step):
    """Two tensors added.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        sources: numbers of both.
        zeros: their levels of 0.
        finish: of the sum; its multipliers are those of the two tensors, under one shift.
    """

    sources: tuple[int, int]
    zeros: tuple[int, int]
    finish: Finish
    kernel: ClassVar[str] = "add"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both."""
        return self.sources

    @property
    def in_place(self) -> tuple[int, ...]:
        """Over either of them, value by value."""
        return () if self.finish.range else self.sources

    def run(self, values: Values) -> np.ndarray:
        """One rounding for both."""
        fixed = self.finish.fixed
        parts = [
            (values[source].astype(np.int64) - zero) * mantissa
            for source, zero, mantissa in zip(self.sources, self.zeros, fixed.mantissas, strict=True)
        ]
        # A factor of 2^-r on what is multiplied already.
        one = replace(fixed, multipliers=np.array([1 << SHIFT_BITS], np.int16))
        return Finish(one, self.finish.low, self.finish.high, self.finish.range)(parts[0] + parts[1])
