"""Fields of different widths joined into bits, the highest bit of each first, and read back one after the other."""

import numpy as np

from costmodels.errors import KernelError

__all__ = ["DAMAGED", "BitReader", "field_bits"]

DAMAGED = "pack the layer again"


def field_bits(values: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The bits of numbers, one after the other, the highest bit of each first.

    Args:
        values: (count,) whole numbers.
        widths: (count,) bits of each; 0 leaves nothing.

    Returns:
        (sum of widths,) uint8 of 0 and 1.

    >>> field_bits(np.array([2, 1]), np.array([2, 3])).tolist()
    [1, 0, 0, 0, 1]
    """
    widths = widths.astype(np.int64)
    ends = widths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    shifts = np.repeat(ends, widths) - 1 - np.arange(total)
    bits: np.ndarray = (np.repeat(values.astype(np.int64), widths) >> shifts & 1).astype(np.uint8)
    return bits


class BitReader:
    """Reads fields from bits.

    Args:
        bits: (count,) of 0 and 1.
    """

    def __init__(self, bits: np.ndarray) -> None:
        self._bits, self._place = bits, 0

    def numbers(self, width: int, count: int) -> np.ndarray:
        """The next ``count`` numbers of ``width`` bits, int64.

        Raises:
            KernelError: the bits end before.
        """
        first, self._place = self._place, self._place + width * count
        if self._place > len(self._bits):
            rule = "an entropy-coded stream is as long as its table and its codes"
            raise KernelError(rule, f"{len(self._bits)} bits", DAMAGED)
        rows = self._bits[first : self._place].reshape(count, width).astype(np.int64)
        found: np.ndarray = rows @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))
        return found

    def number(self, width: int) -> int:
        """The next number of ``width`` bits.

        Raises:
            KernelError: the bits end before.
        """
        return int(self.numbers(width, 1)[0])

    @property
    def rest(self) -> np.ndarray:
        """The bits that are left."""
        return self._bits[self._place :]
