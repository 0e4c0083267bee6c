"""Tensors and steps as they are made, one after the other."""

from dataclasses import replace

import numpy as np

from explorer.deployment.device_code.integer_network import LevelTensor, zero_level
from explorer.deployment.device_code.steps import Finish, Part, RescaleStep, Size, Step
from explorer.deployment.device_code.sums import Joined, Sum
from explorer.deployment.packed.levels import Levels

__all__ = ["Builder"]


class Builder:
    """The tensors and steps of an integer network so far."""

    def __init__(self) -> None:
        self.tensors: list[LevelTensor] = []
        self.steps: list[Step] = []
        self._made: dict[Part, int] = {}

    def new(self, name: str, size: Size, levels: Levels | None) -> int:
        """The number of a new tensor."""
        self.tensors.append(LevelTensor(name, size, levels))
        return len(self.tensors) - 1

    def levels(self, part: Part) -> Levels:
        """Those of a tensor that a part is of."""
        levels = self.tensors[part.tensor].levels
        assert levels is not None  # noqa: S101
        return levels

    def sum_of(self, part: Part, name: str) -> Sum:
        """A part that is to be rounded again."""
        levels = self.levels(part)

        def make(finish: Finish, output: int) -> Step:
            return RescaleStep(name, output, part, zero_level(levels), finish, part.out[2])

        return Sum(name, make, part.out, np.array([levels.scale]), np.zeros(1))

    def whole(self, part: Part) -> int:
        """The number of a tensor that holds a part and nothing else: its own, or a copy."""
        if part.is_whole:
            return part.tensor
        if part not in self._made:
            levels, name = self.levels(part), f"{self.tensors[part.tensor].name}, a part"
            self._made[part] = self.rounded(self.sum_of(part, name), levels).tensor
        return self._made[part]

    def rounded(self, value: Part | Sum | Joined, levels: Levels | None) -> Part:
        """A value in memory: on some levels, or in floats, as a network returns it.

        Args:
            value: what is to be rounded.
            levels: None for floats.
        """
        if isinstance(value, Part) and levels is not None and value.is_whole and self.levels(value) == levels:
            return value
        if isinstance(value, Joined):
            return self._rounded_join(value, levels)
        total = value if isinstance(value, Sum) else self.sum_of(value, f"{self.tensors[value.tensor].name}, rescaled")
        tensor = self.new(total.name, total.size, levels)
        self.steps.append(total.make(total.finish(levels), tensor))
        return Part.whole(tensor, total.size)

    def _rounded_join(self, join: Joined, levels: Levels | None) -> Part:
        tensor, first = self.new(join.name, join.size, levels), 0
        for part in join.parts:
            finish = replace(self.sum_of(part, join.name), low=join.low, high=join.high).finish(levels)
            zero = zero_level(self.levels(part))
            self.steps.append(RescaleStep(join.name, tensor, part, zero, finish, join.size[2], first))
            first += part.out[2]
        return Part.whole(tensor, join.size)
