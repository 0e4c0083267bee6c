"""Some values of a tensor, with zeros around them."""

from dataclasses import dataclass

import numpy as np

from explorer.deployment.device_code.steps.step import Size, Values

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """Some values of a tensor, with zeros around them.

    Args:
        tensor: its number.
        full: the size of the tensor.
        start: the first of them, by dimension.
        step: from one to the next.
        size: how many.
        before: zeros before them.
        out: how many with the zeros.
    """

    tensor: int
    full: Size
    start: Size
    step: Size
    size: Size
    before: Size
    out: Size

    @classmethod
    def whole(cls, tensor: int, size: Size) -> "Part":
        """All of a tensor."""
        return cls(tensor, size, (0, 0, 0), (1, 1, 1), size, (0, 0, 0), size)

    @property
    def is_whole(self) -> bool:
        """Whether it is the tensor as it is."""
        return self == Part.whole(self.tensor, self.full)

    @property
    def is_padded_in_space(self) -> bool:
        """Whether it is the whole tensor with nothing but rows and columns of zeros around it."""
        return self.size == self.full and self.before[2] == 0 and self.out[2] == self.full[2]

    def read(self, values: Values, zero: int) -> np.ndarray:
        """(images, *out): the values less the zero point."""
        found = np.zeros((len(values[self.tensor]), *self.out), np.int64)
        picked = [
            slice(start, start + step * (size - 1) + 1, step)
            for start, step, size in zip(self.start, self.step, self.size, strict=True)
        ]
        inner = [slice(before, before + size) for before, size in zip(self.before, self.size, strict=True)]
        images = values[self.tensor].reshape(-1, *self.full)
        found[(slice(None), *inner)] = images[(slice(None), *picked)].astype(np.int64) - zero
        return found
