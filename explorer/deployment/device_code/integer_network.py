"""The integer network: tensors of levels and the steps between them. It defines what the C program computes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.deployment.device_code.steps import Size, Step
from explorer.deployment.packed.levels import Levels

__all__ = ["IntegerNetwork", "LevelTensor", "lowest_level", "zero_level"]


@dataclass(frozen=True)
class LevelTensor:
    """Values in the program's memory.

    Args:
        name: of what computes it.
        size: height, width and channels; channels last.
        levels: of the values; None for floats, the network's output.
    """

    name: str
    size: Size
    levels: Levels | None

    @property
    def elements(self) -> int:
        """How many values."""
        height, width, channels = self.size
        return height * width * channels


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A network in integers.

    Args:
        name: of the network.
        tensors: by number.
        steps: in order.
        inputs: numbers of the inputs.
        outputs: numbers of the outputs, of floats.
    """

    name: str
    tensors: tuple[LevelTensor, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def run(self, *inputs: np.ndarray) -> np.ndarray:
        """The outputs for levels of the inputs.

        Args:
            inputs: (images, H, W, channels) int8 of each.

        Returns:
            (images, values) float32, in the order of the program's memory: one output after the other.
        """
        values = self.trace(*inputs)
        return np.concatenate([values[number] for number in self.outputs], axis=1)

    def trace(self, *inputs: np.ndarray) -> dict[int, np.ndarray]:
        """(images, places) of every tensor by number; arguments as of `run`."""
        values = {number: images.reshape(len(images), -1) for number, images in zip(self.inputs, inputs, strict=True)}
        for step in self.steps:
            values[step.output] = step.run(values)
        return values

    def output_arrays(self, found: np.ndarray) -> list[np.ndarray]:
        """What `run` gives, output by output, as torch has it: (images, c, H, W) float32 each."""
        sizes = [self.tensors[number].size for number in self.outputs]
        ends = np.cumsum([self.tensors[number].elements for number in self.outputs])
        parts = np.split(found, ends[:-1], axis=1)
        return [part.reshape(len(part), *size).transpose(0, 3, 1, 2) for part, size in zip(parts, sizes, strict=True)]

    def levels_of(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The levels of real inputs: what a caller of the program does.

        Args:
            images: (N, c, H, W), (N, c, L) or (N, c) float32 of each input.

        Returns:
            (N, H, W, c) int8 of each.
        """
        return [_quantized(values, self.tensors[number]) for number, values in zip(self.inputs, images, strict=True)]


def lowest_level(levels: Levels) -> int:
    """The lowest level as the program has it; 2^b - 1 are above it."""
    return -(1 << levels.bits >> 1)


def zero_level(levels: Levels) -> int:
    """The level of 0 as the program has it."""
    return levels.zero_point + lowest_level(levels)


def _quantized(values: np.ndarray, tensor: LevelTensor) -> np.ndarray:
    levels = tensor.levels
    assert levels is not None  # noqa: S101
    height, width, channels = tensor.size
    images = values.reshape(len(values), channels, height, width).transpose(0, 2, 3, 1)
    steps = np.rint(images.astype(np.float32) * np.float32(1 / levels.scale))
    lowest = lowest_level(levels)
    clipped = np.clip(steps + zero_level(levels), lowest, lowest + (1 << levels.bits) - 1)
    return np.asarray(clipped, np.int8)
