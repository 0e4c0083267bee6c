"""Real values on their way to being rounded: what a step sums up, times factors, plus shifts, within limits."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from explorer.deployment.device_code.fixed_point import FLOAT_FRACTION, LEVEL_FRACTION, fixed_point
from explorer.deployment.device_code.integer_network import lowest_level, zero_level
from explorer.deployment.device_code.steps import Finish, Part, Size, Step
from explorer.deployment.packed.levels import Levels

__all__ = ["Joined", "Sum"]

LARGEST_FLOAT = float(np.finfo(np.float32).max)
FAR = 1e9
"""Levels beyond all others, in the place of infinity."""

MakeStep = Callable[[Finish, int], Step]
"""The step that computes a sum, given what becomes of it and the number of its output."""


@dataclass(frozen=True, eq=False)
class Sum:
    """What a step sums up.

    Args:
        name: of the step.
        make: the step.
        size: of the output.
        factors: (channels,) or (1,) real values of 1; of an addition, (2,): one for each operand.
        shifts: (channels,) or (1,), added.
        is_addition: whether it is one of two tensors.
        low: the least value, after factors and shifts.
        high: the greatest.
    """

    name: str
    make: MakeStep
    size: Size
    factors: np.ndarray
    shifts: np.ndarray
    is_addition: bool = False
    low: float = -math.inf
    high: float = math.inf

    @property
    def is_clipped(self) -> bool:
        """Whether its values have limits."""
        return self.low > -math.inf or self.high < math.inf

    def clipped(self, low: float, high: float) -> "Sum":
        """Within limits."""
        least, greatest = max(self.low, low), min(self.high, high)
        return replace(self, low=min(least, high), high=max(greatest, low))

    def times(self, factors: np.ndarray) -> "Sum":
        """Times one factor for each channel, or one for all."""
        return replace(self, factors=self.factors * factors, shifts=self.shifts * factors)

    def plus(self, shifts: np.ndarray) -> "Sum":
        """Plus one shift for each channel, or one for all."""
        return replace(self, shifts=self.shifts + shifts)

    def finish(self, levels: Levels | None) -> Finish:
        """What rounds it: to the nearest of some levels, clipped to them; or to floats."""
        if levels is None:
            fixed = fixed_point(self.factors, self.shifts, FLOAT_FRACTION, self.name, self.is_addition)
            # Adding 0.0 makes a zero of a negative one, whose bits are others.
            limits = max(self.low, -LARGEST_FLOAT) + 0.0, min(self.high, LARGEST_FLOAT) + 0.0
            return Finish(fixed, range=limits)
        zero, lowest = zero_level(levels), lowest_level(levels)
        factors, shifts = self.factors / levels.scale, self.shifts / levels.scale + zero
        fixed = fixed_point(factors, shifts, LEVEL_FRACTION, self.name, self.is_addition)
        limits = lowest, lowest + (1 << levels.bits) - 1
        low, high = (
            int(np.clip(math.floor(np.clip(value / levels.scale, -FAR, FAR) + zero + 0.5), *limits))
            for value in (self.low, self.high)
        )
        return Finish(fixed, low, high)


@dataclass(frozen=True, eq=False)
class Joined:
    """Tensors one after the other along the channels, on levels of their own until they are rounded together.

    Args:
        name: of the concatenation.
        parts: what is joined.
        size: of the whole.
        low: the least value.
        high: the greatest.
    """

    name: str
    parts: tuple[Part, ...]
    size: Size
    low: float = -math.inf
    high: float = math.inf

    def clipped(self, low: float, high: float) -> "Joined":
        """Within limits."""
        least, greatest = max(self.low, low), min(self.high, high)
        return replace(self, low=min(least, high), high=max(greatest, low))
